/** What checks look at: each part of the cluster is asked for once, when the first check wants it. */
import type { KubernetesClient } from '../../sources/index.js';
import { listAt, textAt } from '../cluster/objects.js';
import { readObject } from '../cluster/read.js';

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

/** The cluster as checks see it. All reject with a `KubernetesApiError` where it cannot be asked. */
export interface Facts {
  readonly client: Pick<KubernetesClient, 'send' | 'exec' | 'clockSkewMs'>;
  version(): Promise<KubernetesVersion>;
  namespaces(): Promise<readonly unknown[]>;
  nodes(): Promise<readonly unknown[]>;
  /** Every kind of resource that the API server has. */
  resources(): Promise<readonly ApiResource[]>;
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

/** Facts of which none is known yet. */
export function openFacts(client: Facts['client']): Facts {
  const get = (path: string, query: Readonly<Record<string, string>> = {}): Promise<unknown> =>
    client.send({ method: 'GET', path, query });
  const list: Facts['list'] = async (path, query) => listAt(await get(path, query), 'items');
  return {
    client,
    list,
    version: once(async () => {
      const name = textAt(await get('/version'), 'gitVersion') ?? '';
      return parseKubernetesVersion(name) ?? { major: 0, minor: 0, name };
    }),
    namespaces: once(() => list('/api/v1/namespaces')),
    nodes: once(() => list('/api/v1/nodes')),
    resources: once(async () =>
      listAt(
        await client.send({ method: 'GET', path: '/apis', accept: discovery }),
        'items',
      ).flatMap(resourcesOf),
    ),
    read: (path) => readObject(client, path),
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
