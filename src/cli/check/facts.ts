/** What checks look at: each part of the cluster is asked for once, when the first check wants it. */
import type { CaView, StateView } from '../../admin/index.js';
import type { Diagnostic } from '../../model/index.js';
import { KubernetesApiError, type KubernetesClient } from '../../sources/index.js';
import { askAny } from '../admin-client.js';
import { listAt, textAt } from '../cluster/objects.js';
import { readObject } from '../cluster/read.js';
import {
  listControllers,
  replicaOf,
  type ControllerPod,
  type Replica,
} from '../cluster/replicas.js';
import { gatherProxies } from '../commands/proxies.js';
import { systemNamespace } from '../install/options.js';
import { deploymentPath } from '../install/paths.js';
import { CommandError } from '../io.js';
import { toMeshPod, type MeshPod } from './mesh-pod.js';

/** A version of Kubernetes. */
export interface KubernetesVersion {
  readonly major: number;
  readonly minor: number;
  /** As it names itself. */
  readonly name: string;
}

/** A kind of resource, by the names that kubectl knows it by. */
export interface ApiResource {
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
  readonly shortNames: readonly string[];
}

/** A replica of the control plane that was asked. */
export interface AskedReplica {
  readonly pod: string;
  readonly isReady: boolean;
  /** Absent: it gave no answer. */
  readonly state?: StateView;
  /** How far its clock is ahead of the API server's; off by the time of the way. */
  readonly aheadMs?: number;
  /** Why it gave no answer. */
  readonly problem?: string;
}

/** The cluster as checks see it. All reject with a `KubernetesApiError` where it cannot be asked. */
export interface Facts {
  readonly client: Pick<KubernetesClient, 'send' | 'exec' | 'clockSkewMs'>;
  /** The time by the API server's clock. */
  nowMs(): number;
  version(): Promise<KubernetesVersion>;
  namespaces(): Promise<readonly unknown[]>;
  nodes(): Promise<readonly unknown[]>;
  /** Every kind of resource that the API server has. */
  resources(): Promise<readonly ApiResource[]>;
  /** The control plane's Deployment; undefined: there is none. */
  deployment(): Promise<unknown>;
  controllers(): Promise<readonly ControllerPod[]>;
  /** All replicas, and what each says of itself: one that is not ready may serve sidecars all the same. */
  replicas(): Promise<readonly AskedReplica[]>;
  /** The same, asked again whenever it is called. */
  replicasNow(): Promise<readonly AskedReplica[]>;
  /** All sidecars that are connected; `problems` name replicas that did not say. */
  proxies(): ReturnType<typeof gatherProxies>;
  /** The authority, as some replica has it. */
  authority(): Promise<CaView>;
  /** What the control plane says of objects. */
  diagnostics(): Promise<readonly Diagnostic[]>;
  /** Pods of all namespaces. */
  pods(): Promise<readonly MeshPod[]>;
  /** The object at a path; undefined where there is none. */
  read(path: string): Promise<unknown>;
  /** The items of a list. */
  list(path: string, query?: Readonly<Record<string, string>>): Promise<readonly unknown[]>;
}

/** A function that asks once. */
function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => (asked ??= ask());
}

/** `v1.34.4`, `v1.29.3+k3s1`, `v1.30.1-eks-…`; undefined where it is none. */
export function parseKubernetesVersion(name: string): KubernetesVersion | undefined {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(name) ?? [];
  return major === undefined || minor === undefined
    ? undefined
    : { major: Number(major), minor: Number(minor), name };
}

/** Aggregated discovery, GA in Kubernetes 1.30: https://kubernetes.io/docs/concepts/overview/kubernetes-api/ */
const discovery = ['v2', 'v2beta1']
  .map((version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`)
  .join(',');

function resourcesOf(group: unknown): readonly ApiResource[] {
  const found = listAt(group, 'versions').flatMap((version) => listAt(version, 'resources'));
  return found.map((resource) => ({
    group: textAt(group, 'metadata', 'name') ?? '',
    plural: textAt(resource, 'resource') ?? '',
    kind: textAt(resource, 'responseKind', 'kind') ?? '',
    shortNames: listAt(resource, 'shortNames').map(String),
  }));
}

const pageSize = '500';

type Client = Facts['client'];

/** All items, page by page: the pods of a large cluster are too much for one answer. */
async function listPages(
  client: Client,
  path: string,
  query: Readonly<Record<string, string>>,
): Promise<readonly unknown[]> {
  const items: unknown[] = [];
  let next: string | undefined = '';
  while (next !== undefined) {
    const paging = { limit: pageSize, ...(next !== '' && { continue: next }) };
    const page = await client.send({ method: 'GET', path, query: { ...query, ...paging } });
    items.push(...listAt(page, 'items'));
    const token = textAt(page, 'metadata', 'continue');
    next = token === '' ? undefined : token;
  }
  return items;
}

async function askReplica(
  replica: Replica,
  { name: pod, isReady }: ControllerPod,
  nowMs: () => number,
): Promise<AskedReplica> {
  const askedAtMs = nowMs();
  try {
    const state = (await replica.ask('/v1/state')) as StateView;
    return { pod, isReady, state, aheadMs: state.nowMs - (askedAtMs + nowMs()) / 2 };
  } catch (error) {
    // The API server refuses commands for a container that does not run, and that is no outage of its own.
    if (!(error instanceof CommandError || error instanceof KubernetesApiError)) throw error;
    return { pod, isReady, problem: error.message };
  }
}

async function askReplicas(
  pods: readonly ControllerPod[],
  toReplica: (pod: ControllerPod) => Replica,
  nowMs: () => number,
): Promise<readonly AskedReplica[]> {
  return Promise.all(pods.map((pod) => askReplica(toReplica(pod), pod, nowMs)));
}

/** Facts of which none is known yet. */
export function openFacts(client: Client): Facts {
  const get = (path: string): Promise<unknown> => client.send({ method: 'GET', path });
  const list: Facts['list'] = (path, query = {}) => listPages(client, path, query);
  const read: Facts['read'] = (path) => readObject(client, path);
  const nowMs = (): number => Date.now() + (client.clockSkewMs() ?? 0);
  const controllers = once(() => listControllers(client, systemNamespace));
  const replicaIn = ({ name }: ControllerPod): Replica => replicaOf(client, systemNamespace, name);
  const replicasNow: Facts['replicasNow'] = async () =>
    askReplicas(await controllers(), replicaIn, nowMs);
  return {
    ...{ client, nowMs, list, read, controllers },
    version: once(async () => {
      const name = textAt(await get('/version'), 'gitVersion') ?? '';
      return parseKubernetesVersion(name) ?? { major: 0, minor: 0, name };
    }),
    namespaces: once(() => list('/api/v1/namespaces')),
    nodes: once(() => list('/api/v1/nodes')),
    pods: once(async () => (await list('/api/v1/pods')).map(toMeshPod)),
    resources: once(async () => {
      const answer = await client.send({ method: 'GET', path: '/apis', accept: discovery });
      return listAt(answer, 'items').flatMap(resourcesOf);
    }),
    deployment: once(() => read(deploymentPath)),
    replicas: once(replicasNow),
    replicasNow,
    proxies: once(async () => gatherProxies((await controllers()).map(replicaIn))),
    authority: once(async () => {
      const all = (await controllers()).map(replicaIn);
      return (await askAny(all, '/v1/ca')) as CaView;
    }),
    diagnostics: once(async () => {
      const all = (await controllers()).map(replicaIn);
      return (await askAny(all, '/v1/diagnostics')) as readonly Diagnostic[];
    }),
  };
}

/** Facts of one replica, asked directly: the rest of the cluster is not known, and rejects as it does when it cannot be asked. */
export function replicaFacts(replica: Replica): Facts {
  const unknown = (): Promise<never> =>
    Promise.reject(
      new KubernetesApiError('one replica alone was asked', { status: 0, reason: 'NotAsked' }),
    );
  const client: Client = { send: unknown, exec: unknown, clockSkewMs: () => undefined };
  const state = once(async (): Promise<AskedReplica> => {
    const view = (await replica.ask('/v1/state')) as StateView;
    return { pod: view.replica, isReady: view.waiting.length === 0, state: view };
  });
  const replicasNow: Facts['replicasNow'] = async () => [await state()];
  return {
    ...openFacts(client),
    ...{ replicas: replicasNow, replicasNow },
    proxies: once(() => gatherProxies([replica])),
    authority: once(async () => (await replica.ask('/v1/ca')) as CaView),
  };
}

/** Calls `use` with every item, at most so many at once; results in the order of the items. */
export async function eachOf<T, R>(
  items: readonly T[],
  use: (item: T) => Promise<R>,
  atOnce = 8,
): Promise<readonly R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += atOnce) {
    results.push(...(await Promise.all(items.slice(start, start + atOnce).map(use))));
  }
  return results;
}
