/** The command line of the bench against any ADS server, and who its sidecars say they are. */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { nodeMetadataKeys } from '../../src/sidecar/index.js';
import type { Plan } from '../load/plan.js';
import { readCount } from '../option-values.js';

/** What was asked for. */
export interface AdsOptions {
  readonly plan: Plan;
  /** The server's process, where it runs on this machine: its CPU and memory are then told. */
  readonly pid?: number;
  readonly change?: AdsChange;
  /** After this a wait is given up. */
  readonly timeoutMs: number;
  readonly json: boolean;
}

/** A change that somebody makes at the server, and how it shows at the sidecars. */
export interface AdsChange {
  /** For `sh -c`, with the number of the round in `ROUND`. */
  readonly command: string;
  readonly typeUrl: string;
  /** A part of the name of the resource that changes. */
  readonly name: string;
  readonly rounds: number;
}

/** The help text. */
export const adsUsage = `usage: npm run bench -- ads --address HOST:PORT [--profile skerry|istio] [--sidecars 100] [--json]
                [--roots FILE --server-name NAME] [--tokens FILE] [--uses NAME,…]
                [--node-id TEXT] [--metadata FILE] [--pid PID] [--timeout SECONDS]
                [--change COMMAND --type-url TYPE --name PART [--rounds 10]]

Simulated sidecars on any server of the delta ADS protocol: all connect at once, then all come back
with what they hold; between these, changes that COMMAND makes.

  --profile      node ids, metadata and how the server is asked, as this control plane knows its sidecars;
                 {index} stands for the number of a sidecar, in --node-id and --metadata too
  --roots        the server's CA certificates, PEM; without: plaintext
  --tokens       bearer tokens, one a line: sidecar by sidecar, again from the first when they run out
  --uses         clusters that each sidecar asks for by name, beside all that are pushed
  --metadata     a JSON object, laid over that of the profile
  --pid          the server's process: its CPU seconds and memory are told
  --change       run by sh -c once a round, with ROUND in its environment; measured is how long after its end
                 the next resource of TYPE whose name holds PART is at every sidecar that holds one
`;

interface Profile {
  readonly nodeId: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly csrKey?: string;
}

/** Facts of either project's own documentation of its node ids. */
const profiles: Readonly<Record<string, Profile>> = {
  skerry: {
    nodeId: 'default/app-{index}',
    metadata: { [nodeMetadataKeys.keyFile]: '/key.pem' },
    csrKey: nodeMetadataKeys.csr,
  },
  istio: {
    nodeId: 'sidecar~10.200.{index/250}.{index%250}~app-{index}.default~default.svc.cluster.local',
    metadata: {
      ...{ NAMESPACE: 'default', CLUSTER_ID: 'Kubernetes', MESH_ID: 'cluster.local' },
      ...{ SERVICE_ACCOUNT: 'default', LABELS: { app: 'app-{index}' }, ISTIO_VERSION: '1.28.0' },
    },
  },
};

/** A text with the number of a sidecar in its places. */
export function fillIn(text: string, index: number): string {
  return text
    .replaceAll('{index}', String(index))
    .replaceAll('{index/250}', String(Math.floor(index / 250)))
    .replaceAll('{index%250}', String((index % 250) + 1));
}

function addressOf(text: string): { readonly host: string; readonly port: number } {
  const [, host, port] = /^(.+):(\d+)$/.exec(text) ?? [];
  if (host === undefined || port === undefined) {
    throw new Error(`--address: expected HOST:PORT, found ${text === '' ? 'nothing' : text}`);
  }
  return { host, port: Number(port) };
}

function changeOf(values: {
  readonly change?: string;
  readonly 'type-url'?: string;
  readonly name?: string;
  readonly rounds: string;
}): AdsChange | undefined {
  const { change: command, 'type-url': typeUrl, name, rounds } = values;
  if (command === undefined) return undefined;
  if (typeUrl === undefined || name === undefined) {
    throw new Error('--change: expected --type-url and --name beside it');
  }
  return { command, typeUrl, name, rounds: readCount('--rounds', rounds, [1, 10_000]) };
}

async function objectIn(file: string | undefined): Promise<Readonly<Record<string, unknown>>> {
  if (file === undefined) return {};
  const value: unknown = JSON.parse(await readFile(file, 'utf8'));
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new Error(`--metadata: expected a JSON object in ${file}`);
}

async function tokensIn(file: string | undefined): Promise<readonly string[]> {
  if (file === undefined) return [];
  const tokens = (await readFile(file, 'utf8')).split('\n').filter((line) => line.trim() !== '');
  if (tokens.length === 0) throw new Error(`--tokens: expected a token a line in ${file}`);
  return tokens;
}

/** Reads the arguments behind `ads`; rejects with a message for whoever wrote them. */
export async function readAdsOptions(args: readonly string[]): Promise<AdsOptions> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{ address: { ...text, default: '' }, profile: { ...text, default: 'skerry' } },
      ...{ sidecars: { ...text, default: '100' }, rounds: { ...text, default: '10' } },
      ...{ timeout: { ...text, default: '300' }, json: { type: 'boolean', default: false } },
      ...{ roots: text, 'server-name': text, tokens: text, uses: text, 'node-id': text },
      ...{ metadata: text, pid: text, change: text, 'type-url': text, name: text },
    },
  });
  const { host, port } = addressOf(values.address);
  const profile = profiles[values.profile];
  if (profile === undefined) {
    throw new Error(
      `--profile: expected ${Object.keys(profiles).join(' or ')}, found ${values.profile}`,
    );
  }
  const tokens = await tokensIn(values.tokens);
  const { csrKey, ...known } = profile;
  const template = JSON.stringify({ ...known.metadata, ...(await objectIn(values.metadata)) });
  const uses = (values.uses ?? '').split(',').filter((name) => name !== '');
  const count = readCount('--sidecars', values.sidecars, [1, 10_000]);
  const sidecars = Array.from({ length: count }, (_, index): Plan['sidecars'][number] => {
    const token = tokens[index % tokens.length];
    return {
      nodeId: fillIn(values['node-id'] ?? known.nodeId, index),
      metadata: Object.fromEntries(Object.entries(JSON.parse(fillIn(template, index)) as object)),
      ...{ uses, ...(token !== undefined && { token }) },
    };
  });
  const change = changeOf(values);
  return {
    plan: {
      ...{ host, port, sidecars, ...(csrKey !== undefined && { csrKey }) },
      ...(values.roots !== undefined && {
        tls: {
          roots: await readFile(values.roots, 'utf8'),
          serverName: values['server-name'] ?? host,
        },
      }),
    },
    ...(values.pid !== undefined && { pid: readCount('--pid', values.pid, [1, 2 ** 22]) }),
    ...(change !== undefined && { change }),
    timeoutMs: 1_000 * readCount('--timeout', values.timeout, [1, 86_400]),
    json: values.json,
  };
}
