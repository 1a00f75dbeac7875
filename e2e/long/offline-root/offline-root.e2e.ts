/** Claim: a root whose key was never where the mesh is signs for it; intermediates are replaced under load, and a customer's PKI takes over. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CaView } from '../../../src/admin/index.js';
import { findCheckout, runCommand, type LoadResult, type Mesh } from '../../../demo/rig/index.js';
import { claim, since } from '../../kit/claim.js';
import { endpointSlice, httpServerPod, manifest } from '../../kit/manifest.js';
import { certificateSerial, eventually, sidecarOf } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';
import { customerPki } from './customer-pki.js';

const url = 'http://web.mesh/';
const caller = 'mesh/caller';
const servers = ['mesh/web-1', 'mesh/web-2'];
const everybody = [caller, ...servers];
const trustDomain = 'cluster.local';
const timeoutMs = 300_000;

let mesh: Mesh;
/** The machine of the root, as far as a directory can be one. */
let elsewhere: string;
let load: { stop(): Promise<LoadResult> };
const at = (name: string): string => join(elsewhere, name);

async function ca(...args: readonly string[]): Promise<string> {
  const argv = [process.execPath, findCheckout().skerry, 'ca', ...args];
  return (await runCommand(argv)).stdout;
}

function placeOf(stateDirectory: string): readonly string[] {
  return ['--state-dir', stateDirectory, '--trust-domain', trustDomain];
}

/** A request out, a certificate in; returns what the import said. */
async function bringIntermediates(stateDirectory: string): Promise<string> {
  const place = placeOf(stateDirectory);
  await writeFile(at('requests.pem'), await ca('csr', ...place));
  const root = ['--root-dir', at('root'), '--passphrase-file', at('passphrase')];
  await writeFile(at('signed.pem'), await ca('sign', at('requests.pem'), ...root));
  return ca('import', at('signed.pem'), ...place);
}

function ipOf(key: string): string {
  return `10.66.1.${everybody.indexOf(key) + 1}`;
}

function pod(key: string): object {
  return httpServerPod(key, { ip: ipOf(key), app: servers.includes(key) ? 'web' : 'other' });
}

beforeAll(async () => {
  elsewhere = await mkdtemp(join(tmpdir(), 'skerry-elsewhere-'));
  await writeFile(at('passphrase'), 'correct horse battery\n', { mode: 0o600 });
  const root = ['--root-dir', at('root'), '--passphrase-file', at('passphrase')];
  await ca('init', '--offline', '--trust-domain', trustDomain, ...root);
  mesh = await startSuiteMesh({
    ...{ suite: import.meta.url, base: 'own', accessLog: 'Errors' },
    controllerArgs: ['--svid-ttl', '40', '--max-stream-age', '15'],
    prepareState: async (stateDirectory) => {
      expect(await bringIntermediates(stateDirectory)).toContain('the authority is ready');
    },
  });
  const endpoints = endpointSlice({
    service: 'mesh/web',
    port: { name: 'http', port: 8080 },
    endpoints: servers.map((key) => ({ ip: ipOf(key) })),
  });
  await mesh.writeManifest('10-pods.yaml', manifest(...everybody.map(pod), endpoints));
  for (const key of everybody) await mesh.startPod(key);
  await mesh.untilReady(everybody, 120_000);
  const agent = await mesh.agent(caller);
  load = await agent.startLoad({ url, concurrency: 8, requestsPerSecond: 100, timeoutMs: 20_000 });
}, timeoutMs);

afterAll(async () => {
  await stopSuiteMesh(mesh);
  await rm(elsewhere, { recursive: true, force: true });
});

interface SecretsDump {
  readonly configs?: readonly {
    readonly name?: string;
    readonly secret?: {
      readonly tls_certificate?: {
        readonly certificate_chain?: {
          readonly inline_bytes?: string;
          readonly inline_string?: string;
        };
      };
    };
  }[];
}

/** The certificates that a sidecar shows to its peers, its own first; PEM. */
async function chainOf(key: string): Promise<readonly string[]> {
  const text = await sidecarOf(mesh, key).admin('/config_dump?resource=dynamic_active_secrets');
  const { configs = [] } = JSON.parse(text) as SecretsDump;
  const chain = configs.flatMap(
    ({ secret }) => secret?.tls_certificate?.certificate_chain ?? [],
  )[0];
  const pem =
    chain?.inline_string ?? Buffer.from(chain?.inline_bytes ?? '', 'base64').toString('utf8');
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g) ?? [];
}

/** What openssl says of a sidecar's chain when it trusts `rootFile` alone. */
async function verify(key: string, rootFile: string): Promise<string> {
  const [leaf = '', ...between] = await chainOf(key);
  await mkdir(at('seen'), { recursive: true });
  await writeFile(at('seen/leaf.pem'), leaf);
  await writeFile(at('seen/between.pem'), between.join(''));
  const { stdout } = await runCommand([
    ...['openssl', 'verify', '-x509_strict', '-no-CApath', '-CAfile', rootFile],
    ...['-untrusted', at('seen/between.pem'), at('seen/leaf.pem')],
  ]);
  return stdout;
}

/** Waits until the chains of all sidecars verify by `rootFile` and have an intermediate that was not among `former`. */
async function untilVerified(rootFile: string, former: ReadonlySet<string>): Promise<void> {
  for (const key of everybody) {
    await eventually(
      `a new chain of ${key}`,
      async () => {
        const [, issuer = ''] = await chainOf(key);
        return issuer !== '' && !former.has(issuer) ? true : undefined;
      },
      120_000,
    );
    expect(await verify(key, rootFile)).toContain('leaf.pem: OK');
  }
}

async function intermediates(): Promise<ReadonlySet<string>> {
  const chains = await Promise.all(everybody.map(chainOf));
  return new Set(chains.map(([, issuer = '']) => issuer));
}

async function view(): Promise<CaView> {
  const { adminSocket } = mesh.controlPlane();
  const [first] = JSON.parse(
    await ca('status', '-o', 'json', '--admin-socket', adminSocket),
  ) as readonly CaView[];
  if (first === undefined) throw new Error('expected a status');
  return first;
}

test(
  'sidecars hold certificates whose chain ends in a root whose key was never there',
  async () => {
    await untilVerified(at('root/root.pem'), new Set());
    expect(await mesh.controlPlane().rootBundle()).toBe(
      await readFile(at('root/root.pem'), 'utf8'),
    );
    const { stateDirectory, adminSocket } = mesh.controlPlane();
    const files = await readdir(join(stateDirectory, 'ca'), { recursive: true });
    expect(files.filter((name) => name.includes('root')).sort()).toEqual(['active/root.pem']);
    const rotate = await mesh
      .controlPlane()
      .skerry(['ca', 'rotate', '--admin-socket', adminSocket]);
    expect(rotate.code).not.toBe(0);
    expect(rotate.stderr).toContain('skerry ca init --offline');
  },
  timeoutMs,
);

test(
  'new intermediates of the same root are imported under load, and the control plane is not started again',
  async () => {
    const former = await intermediates();
    const { pid } = mesh.controlPlane().process();
    const startedAt = performance.now();
    expect(await bringIntermediates(mesh.controlPlane().stateDirectory)).toContain(
      'new intermediates sign from now on',
    );
    await untilVerified(at('root/root.pem'), former);
    claim('offline-root', 'every sidecar has a certificate of the new one after', since(startedAt));
    expect(mesh.controlPlane().process()).toMatchObject({ pid });
  },
  timeoutMs,
);

test(
  'an intermediate of a customer’s RSA PKI signs once every sidecar trusts its root, and no request has failed',
  async () => {
    const former = await intermediates();
    const { chainFile, keyFile, rootFile } = await customerPki(at('customer'), trustDomain);
    const startedAt = performance.now();
    const { stateDirectory } = mesh.controlPlane();
    const said = await ca('import', chainFile, '--key', keyFile, ...placeOf(stateDirectory));
    expect(said).toContain('the next root is being published');
    const [fingerprint] = /[0-9a-f]{64}/.exec(said) ?? [];
    await untilVerified(rootFile, former);
    claim('offline-root', 'the customer’s PKI signs for every sidecar after', since(startedAt));
    const { roots } = await view();
    expect(roots.find(({ slot }) => slot === 'active')?.fingerprint).toBe(fingerprint);
    const result = await load.stop();
    expect(result.errors).toEqual({});
    expect(result.statuses).toEqual({ '200': result.total });
    claim('offline-root', `failed of ${result.total} requests meanwhile:`, 0);
  },
  timeoutMs,
);

test(
  'what was issued is in the audit log, which a killed control plane goes on with',
  async () => {
    const { stateDirectory } = mesh.controlPlane();
    await mesh.controlPlane().kill();
    await mesh.controlPlane().start();
    const verified = await mesh
      .controlPlane()
      .skerry(['ca', 'audit', '--state-dir', stateDirectory]);
    expect(verified).toMatchObject({ code: 0, stderr: '' });
    expect(verified.stdout.trim().split('\n')).toHaveLength(3);
    const serials = await Promise.all(everybody.map((key) => certificateSerial(mesh, key)));
    const directory = join(stateDirectory, 'audit');
    const files = (await readdir(directory)).map((name) => readFile(join(directory, name), 'utf8'));
    const log = (await Promise.all(files)).join('');
    for (const [at, key] of everybody.entries()) {
      const serial = serials[at] ?? '';
      const [namespace = '', name = ''] = key.split('/');
      const id = `spiffe://${trustDomain}/ns/${namespace}/sa/${name}`;
      const entry = log.split('\n').find((line) => line.includes(`"serial":"${serial}"`)) ?? '{}';
      expect(JSON.parse(entry)).toMatchObject({ kind: 'workload', spiffeId: id });
    }
    const entries = log.trimEnd().split('\n').length;
    claim('offline-root', `faults in the audit log of ${entries} entries, after a kill:`, 0);
  },
  timeoutMs,
);
