/** Asks the replicas of a control plane in a cluster, by a command in their own containers. */
import { KubernetesApiError, type KubernetesClient } from '../../sources/index.js';
import { CommandError } from '../io.js';
import { conditionOf, listAt, textAt } from './objects.js';

/** The control plane's own namespace. */
export const defaultNamespace = 'skerry-system';

const selector = 'app.kubernetes.io/name=skerry,app.kubernetes.io/component=controller';
const container = 'controller';
const timeoutMs = 20_000;

/** One process of the control plane that can be asked. */
export interface Replica {
  /** Its pod's name; undefined where there is only the one behind a socket. */
  readonly name: string | undefined;
  /** The JSON at a path of its admin API. */
  ask(path: string): Promise<unknown>;
  /** Has it do something: POSTs `body` there; what it answers. */
  tell(path: string, body: unknown): Promise<unknown>;
}

/** A pod of the control plane. */
export interface ControllerPod {
  readonly name: string;
  readonly isReady: boolean;
  /** Image of the control plane's container. */
  readonly image: string;
  /** Why it is not ready, as far as Kubernetes knows. */
  readonly problem?: string;
}

function toControllerPod(pod: unknown): ControllerPod {
  const ready = conditionOf(pod, 'Ready');
  const isReady = textAt(ready, 'status') === 'True';
  const spec = listAt(pod, 'spec', 'containers').find((one) => textAt(one, 'name') === container);
  const unscheduled = textAt(conditionOf(pod, 'PodScheduled'), 'message');
  const phase = textAt(pod, 'status', 'phase') ?? 'unknown';
  const why = textAt(ready, 'message') ?? unscheduled ?? phase;
  return {
    name: textAt(pod, 'metadata', 'name') ?? '',
    isReady,
    image: textAt(spec, 'image') ?? '',
    ...(!isReady && { problem: why }),
  };
}

/** The control plane's pods that are not on their way out, by name. */
export async function listControllers(
  client: Pick<KubernetesClient, 'send'>,
  namespace: string,
): Promise<readonly ControllerPod[]> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`;
  const answer = await client.send({ method: 'GET', path, query: { labelSelector: selector } });
  return listAt(answer, 'items')
    .filter((pod) => textAt(pod, 'metadata', 'deletionTimestamp') === undefined)
    .map(toControllerPod)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function forbidden(namespace: string): CommandError {
  return new CommandError(
    `you may not run commands in the control plane’s pods: it takes the verbs get and create on pods/exec in namespace ${namespace}`,
  );
}

/** A pod of the control plane as a replica that answers. */
export function replicaOf(
  client: Pick<KubernetesClient, 'exec'>,
  namespace: string,
  pod: string,
): Replica {
  const run = async (...verb: readonly string[]): Promise<unknown> => {
    const command = ['skerry', 'admin', ...verb];
    const signal = AbortSignal.timeout(timeoutMs);
    const result = await client
      .exec({ namespace, pod, container, command, signal })
      .catch((error: unknown) => {
        if (error instanceof KubernetesApiError && error.status === 403) throw forbidden(namespace);
        if (!signal.aborted) throw error;
        throw new CommandError(`${pod} gave no answer in ${String(timeoutMs / 1000)} s`);
      });
    if (result.exitCode !== 0) {
      const said = result.stderr.trim().replace(/^skerry: /, '');
      throw new CommandError(said === '' ? `${pod} failed without a word` : said);
    }
    try {
      return JSON.parse(result.stdout) as unknown;
    } catch {
      throw new CommandError(`${pod} answered with something else than JSON`);
    }
  };
  return {
    name: pod,
    ask: (path) => run('get', path),
    tell: (path, body) => run('post', path, JSON.stringify(body)),
  };
}

/** The replicas that are ready; a {@link CommandError} that says what to do when none is. */
export async function readyReplicas(
  client: Pick<KubernetesClient, 'send' | 'exec'>,
  namespace: string,
): Promise<readonly Replica[]> {
  const pods = await listControllers(client, namespace);
  if (pods.length === 0) {
    throw new CommandError(
      `no control plane in namespace ${namespace}: install it by skerry install, or name its namespace by --namespace`,
    );
  }
  const ready = pods.filter(({ isReady }) => isReady);
  if (ready.length === 0) {
    const why = pods.map(({ name, problem }) => `${name}: ${problem ?? 'not ready'}`).join('; ');
    throw new CommandError(`no replica of the control plane is ready (${why}): see skerry check`);
  }
  return ready.map(({ name }) => replicaOf(client, namespace, name));
}
