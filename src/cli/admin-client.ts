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
    return use([{ name: undefined, ask: (path) => askAdmin(adminSocket, path) }]);
  }
  return withCluster(flags, io, async (client) => use(await readyReplicas(client, namespace)));
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

/** The JSON at `path`; a {@link CommandError} that says what to do when there is none. */
export function askAdmin(socketPath: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const unreachable = (cause: string): CommandError =>
      new CommandError(
        `no control plane answers on ${socketPath} (${cause}); is it running, and is --admin-socket right?`,
      );
    const asked = request({ socketPath, path, timeout: timeoutMs }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        let body: unknown;
        try {
          body = JSON.parse(text);
        } catch {
          reject(new CommandError(`the control plane answered with something else than JSON`));
          return;
        }
        if (response.statusCode === 200) {
          resolve(body);
          return;
        }
        const message =
          typeof body === 'object' && body !== null && 'message' in body
            ? String(body.message)
            : `status ${String(response.statusCode)}`;
        reject(new CommandError(message));
      });
    });
    asked.on('timeout', () => asked.destroy(new Error(`no answer in ${String(timeoutMs)} ms`)));
    asked.on('error', (error) => {
      reject(unreachable(error.message));
    });
    asked.end();
  });
}
