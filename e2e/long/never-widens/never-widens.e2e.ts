/** Claim: what the laws of the compiler judge calls by says of each call what a stock Envoy does with it. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { judgeArrival, type Emitted } from '../../../src/envoy/testing/judge-arrival.js';
import {
  createCompiler,
  type Compiled,
} from '../../../src/translators/testing/admission/compile-admission.js';
import {
  callIds,
  calls,
  type RandomCall,
} from '../../../src/translators/testing/admission/random-arrivals.js';
import {
  policies,
  toManifest,
} from '../../../src/translators/testing/admission/random-policies.js';
import { servers, type Server } from '../../../src/translators/testing/admission/small-mesh.js';
import {
  makeAuthority,
  type Authority,
  type Certificate,
} from '../../../src/translators/to-envoy/testing/certificates.js';
import { startApp, type App } from '../../../src/translators/to-envoy/testing/clients.js';
import { envoyBinary, startEnvoy } from '../../../src/translators/to-envoy/testing/real-envoy.js';
import {
  inAnHour,
  keySet,
  makeTokenKey,
  type TokenKey,
} from '../../../src/translators/to-envoy/testing/tokens.js';
import { claim } from '../../kit/claim.js';
import { reachesApp, serveAnything, type CallerOptions } from './caller.js';

const seed = Number(process.env['SKERRY_SEED'] ?? Date.now() % 1_000_000_007);
const sets = Number(process.env['SKERRY_SETS'] ?? 24);
const issuers = ['https://sso.local', 'https://partner.local', 'https://stranger.local'];

let folder: string;
let authority: Authority;
let app: App;
let keys: ReadonlyMap<string, TokenKey>;
let certificates: ReadonlyMap<string, Certificate>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'skerry-never-widens-'));
  authority = makeAuthority(folder, 'mesh');
  app = await startApp(serveAnything);
  keys = new Map(issuers.map((name) => [name, makeTokenKey(name, 'ES256')]));
  certificates = new Map(
    callIds.map((id, index) => [id, authority.issue(`caller-${String(index)}`, id)]),
  );
});

afterAll(() => {
  app.close();
  rmSync(folder, { recursive: true, force: true });
});

const compile = createCompiler();

/** The compiler's messages with keys that sign, where the policies have nobody's. */
function withKeys(compiled: Compiled, server: Server): Emitted {
  const emitted = compiled.emitted.get(server);
  if (emitted === undefined) throw new Error('no such server');
  const replace = (_key: string, value: unknown): unknown => {
    if (typeof value !== 'string' || !value.startsWith('{"keys":[')) return value;
    const [, name = ''] = /"kid":"([^"]+)"/.exec(value) ?? [];
    const key = keys.get(name);
    return key === undefined ? value : keySet(key);
  };
  const text = JSON.stringify([...emitted.extensions], replace);
  return { ...emitted, extensions: new Map(JSON.parse(text) as [string, object][]) };
}

function tokenOf(token: Parameters<CallerOptions['tokenOf']>[0]): string {
  const key = keys.get(token.keyId);
  if (key === undefined) throw new Error(`no key ${token.keyId}`);
  const { claims, issuer, audience } = token;
  return key.sign({ ...claims, iss: issuer, aud: audience, exp: inAnHour() }, { kid: token.keyId });
}

/** One Envoy, as the server's sidecar. */
async function tryCalls(
  name: string,
  emitted: Emitted,
  tried: readonly RandomCall[],
): Promise<number> {
  const envoy = await startEnvoy(envoyBinary(), join(folder, name), {
    listeners: [emitted.listener],
    clusters: [
      {
        ...{ name: 'inbound', type: 'STATIC' },
        load_assignment: {
          cluster_name: 'inbound',
          endpoints: [
            {
              lb_endpoints: [
                {
                  endpoint: {
                    address: { socket_address: { address: '127.0.0.1', port_value: app.port } },
                  },
                },
              ],
            },
          ],
        },
      },
    ],
    routes: [...emitted.routes.values()].filter(({ name: own }) => own?.startsWith('inbound/')),
    endpoints: [],
    extensions: [...emitted.extensions.values()],
    certificate: authority.issue(name, 'spiffe://cluster.local/ns/red/sa/app'),
    rootPem: authority.root.cert,
  });
  let admitted = 0;
  try {
    const options = { envoyPort: envoy.port('inbound'), app, certificates, tokenOf };
    for (const call of tried) {
      const { isAdmitted, why } = judgeArrival(emitted, call.arrival);
      const found = await reachesApp(call.arrival, options).catch((error: unknown) => {
        throw new Error(`seed ${String(seed)} ${name} ${why}`, { cause: error });
      });
      const { arrival } = call;
      expect({ seed, name, found, why, arrival }).toEqual({
        ...{ seed, name, found: isAdmitted, why, arrival },
      });
      if (isAdmitted) admitted += 1;
    }
  } finally {
    await envoy.stop();
  }
  return admitted;
}

test(
  'a stock Envoy does with each call what the reader of its messages says',
  async () => {
    const written = fc.sample(policies, { seed, numRuns: sets });
    const counts = { admitted: 0, all: 0 };
    for (const [index, set] of written.entries()) {
      const compiled = compile(set.map(toManifest));
      const server = servers[index % servers.length];
      if (server === undefined) throw new Error('no servers');
      const tried = fc.sample(calls, { seed: seed + index, numRuns: 1 }).flat();
      const name = `set-${String(index)}`;
      counts.admitted += await tryCalls(name, withKeys(compiled, server), tried);
      counts.all += tried.length;
    }
    claim(
      'never-widens',
      `seed ${String(seed)}, ${String(sets)} sets of policies: calls that Envoy takes as is read from its messages (${String(counts.admitted)} reach the app)`,
      counts.all,
    );
    // Otherwise it would show little.
    expect(counts.admitted).toBeGreaterThan(counts.all * 0.05);
  },
  60_000 + sets * 15_000,
);
