/** Asks a running control plane: over its admin socket on this machine, or in a cluster. */
import { request } from 'node:http';
import { Option } from 'commander';
import { clusterOptions, withCluster, type ClusterFlags } from './cluster/connect.js';
import { defaultNamespace, readyReplicas, type Replica } from './cluster/replicas.js';
import { CommandError, type Io } from './io.js';

/** Flags that say which control plane is meant. */
export interface ControlPlaneFlags extends ClusterFlags {
  readonly adminSocket?: string;
  readonly namespace: string;
}

/** The flag of every command that asks a running control plane. */
export function adminSocketOption(): Option {
  return new Option(
    '--admin-socket <path>',
    'unix socket of the control plane’s admin API, instead of a cluster',
  ).env('SKERRY_ADMIN_SOCKET');
}

/** The options behind {@link ControlPlaneFlags}. */
export function controlPlaneOptions(): readonly Option[] {
  return [
    ...clusterOptions(),
    new Option('--namespace <name>', 'namespace of the control plane').default(defaultNamespace),
    adminSocketOption(),
  ];
}

/** Runs `use` with the replicas that can be asked, at least one. */
export function withReplicas<T>(
  flags: ControlPlaneFlags,
  io: Io,
  use: (replicas: readonly Replica[]) => Promise<T>,
): Promise<T> {
  const { adminSocket, namespace } = flags;
  if (adminSocket !== undefined) {
    const replica: Replica = {
      name: undefined,
      ask: (path) => askAdmin(adminSocket, path),
      tell: (path, body) => askAdmin(adminSocket, path, body),
    };
    return use([replica]);
  }
  return withCluster(flags, io, async (client) => use(await readyReplicas(client, namespace)));
}

/** Has one replica do something for all. */
export function tellAny(
  replicas: readonly Replica[],
  path: string,
  body: unknown,
): Promise<unknown> {
  const [first] = replicas;
  if (first === undefined) throw new CommandError('no replica of the control plane is ready');
  // Whether one that gave no answer has done it is not known: another one is not asked.
  return first.tell(path, body);
}

/** The answer of the first replica that has one. */
export async function askAny(replicas: readonly Replica[], path: string): Promise<unknown> {
  let failure: unknown;
  for (const replica of replicas) {
    try {
      return await replica.ask(path);
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

const timeoutMs = 10_000;

/**
 * The JSON at `path`, or what a POST of `body` there leads to; a {@link CommandError} that says what
 * to do when there is none.
 */
export function askAdmin(socketPath: string, path: string, body?: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const unreachable = (cause: string): CommandError =>
      new CommandError(
        `no control plane answers on ${socketPath} (${cause}); is it running, and is --admin-socket right?`,
      );
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const posting = sent !== undefined && {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    };
    const asked = request({ socketPath, path, timeout: timeoutMs, ...posting }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        let answer: unknown;
        try {
          answer = JSON.parse(text);
        } catch {
          reject(new CommandError(`the control plane answered with something else than JSON`));
          return;
        }
        if (response.statusCode === 200) {
          resolve(answer);
          return;
        }
        const message =
          typeof answer === 'object' && answer !== null && 'message' in answer
            ? String(answer.message)
            : `status ${String(response.statusCode)}`;
        reject(new CommandError(message));
      });
    });
    asked.on('timeout', () => asked.destroy(new Error(`no answer in ${String(timeoutMs)} ms`)));
    asked.on('error', (error) => {
      reject(unreachable(error.message));
    });
    asked.end(sent);
  });
}
