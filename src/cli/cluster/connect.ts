/** How a command reaches a cluster, and what it says when it cannot. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Option } from 'commander';
import {
  KubernetesApiError,
  openKubernetesClient,
  type KubernetesClient,
} from '../../sources/index.js';
import { CommandError, exitCode, type Io } from '../io.js';

/** Flags that say which cluster is meant. */
export interface ClusterFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
}

/** The options behind {@link ClusterFlags}. */
export function clusterOptions(): readonly Option[] {
  return [
    new Option(
      '--kubeconfig <file>',
      'the cluster to ask (default: KUBECONFIG, ~/.kube/config, or the pod’s own service account)',
    ),
    new Option('--context <name>', 'a context of the kubeconfig'),
  ];
}

const serviceAccountToken = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** Without any of these the client would try port 8080 of this machine, which helps nobody. */
function refuseNoConfig(flags: ClusterFlags, io: Io): void {
  const { kubeconfig } = flags;
  if (kubeconfig !== undefined) {
    if (existsSync(kubeconfig)) return;
    throw new CommandError(`no kubeconfig at ${kubeconfig}`, exitCode.usage);
  }
  const named = io.env['KUBECONFIG'];
  const home = join(io.env['HOME'] ?? homedir(), '.kube', 'config');
  if (named !== undefined && named !== '') {
    if (named.split(':').some((path) => existsSync(path))) return;
    throw new CommandError(`KUBECONFIG names ${named}, where there is no file`, exitCode.usage);
  }
  if (existsSync(home) || existsSync(serviceAccountToken)) return;
  throw new CommandError(
    'which cluster? there is no kubeconfig: give --kubeconfig, or set KUBECONFIG',
    exitCode.usage,
  );
}

/** What an API error means to the person at the keyboard. */
export function toCommandError(error: unknown): unknown {
  if (!(error instanceof KubernetesApiError)) return error;
  const { status, reason, message } = error;
  if (status === 0) {
    return new CommandError(
      `the API server does not answer (${reason}): is the kubeconfig right, and is the cluster up?`,
    );
  }
  if (status === 401) {
    return new CommandError('the API server does not know you: renew the kubeconfig’s credentials');
  }
  if (status === 403) {
    return new CommandError(`you may not do this: ${message}; ask for that verb in a Role`);
  }
  return new CommandError(message);
}

/** Runs `use` with a client, and closes it; API errors become one line. */
export async function withCluster<T>(
  flags: ClusterFlags,
  io: Io,
  use: (client: KubernetesClient) => Promise<T>,
): Promise<T> {
  const open = io.openCluster ?? openKubernetesClient;
  refuseNoConfig(flags, io);
  const { kubeconfig, context } = flags;
  const client = open({
    ...(kubeconfig !== undefined && { kubeconfig }),
    ...(context !== undefined && { context }),
  });
  try {
    return await use(client);
  } catch (error) {
    throw toCommandError(error);
  } finally {
    client.close();
  }
}
