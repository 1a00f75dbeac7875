/** What never rests in a mesh: endpoints move, pods and Services come and go, policies change. Mutable state. */
import { setTimeout as pause } from 'node:timers/promises';
import type { FilledCluster } from '../cluster/filled.js';
import { createMover } from '../cluster/mover.js';
import {
  defaultNamespaceOf,
  podObject,
  serviceNameOf,
  serviceObject,
  sliceObject,
} from '../cluster/objects.js';
import { tokenOf } from '../cluster/subscriber.js';
import { createDraw, createRandom } from '../load/draw.js';
import type { Generator } from '../load/generator-process.js';
import { changePolicy, clusterNameOf, favourite, type LoadSizes } from '../load/mesh.js';
import type { PlannedSidecar } from '../load/plan.js';

/** What was done so far, by kind. */
export type Changes = Readonly<Record<'endpoints' | 'pods' | 'policies' | 'services', number>>;

/** Changes that go on. */
export interface Churn {
  readonly changes: () => Changes;
  /** Rejects with the first change that failed; resolves when `signal` has ended all. */
  readonly ended: Promise<void>;
}

/** The mesh that is changed. */
export interface ChurnOptions {
  readonly cluster: FilledCluster;
  readonly generator: Generator;
  readonly sizes: LoadSizes;
  /** Who they are; the first one's pod stays. */
  readonly planned: readonly PlannedSidecar[];
  readonly signal: AbortSignal;
}

/** Between two changes of a kind, at least. */
const everyMs = { endpoints: 100, pods: 1_000, policies: 2_000, services: 5_000 } as const;
/** Services beside those that stay: the oldest goes when there are more. */
const passing = 6;
const seed = 17;

/** Starts all kinds of changes; the last of the Services that stay is left alone. */
export function startChurn({ cluster, generator, sizes, planned, signal }: ChurnOptions): Churn {
  const { client } = cluster;
  const { services, endpoints, sidecars, used } = sizes;
  const random = createRandom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const draw = createDraw(services - 1, random);
  const move = createMover(cluster, endpoints);
  const counts = { endpoints: 0, pods: 0, policies: 0, services: 0 };
  const live: number[] = [];
  const podNames = new Map<number, string>();

  const core = (index: number): string => `/api/v1/namespaces/${defaultNamespaceOf(index)}`;
  const slices = (index: number): string =>
    `/apis/discovery.k8s.io/v1/namespaces/${defaultNamespaceOf(index)}/endpointslices`;
  const remove = (path: string): Promise<unknown> =>
    client.send({ method: 'DELETE', path, body: { gracePeriodSeconds: 0 } });

  /** A new pod, its sidecar in the place of the former's, and then the former pod's end. */
  const replacePod = async (): Promise<void> => {
    const number = counts.pods;
    // The other half grow old, and their streams and certificates with them.
    const index = 1 + (number % Math.ceil((sidecars - 1) / 2));
    const [namespace, service] = [defaultNamespaceOf(index), serviceNameOf(index)];
    const name = `${service}-r${String(number)}`;
    const parts = [160 + (number >> 16), (number >> 8) & 255, number & 255];
    const ip = `10.${parts.join('.')}`;
    const { object } = podObject(index, 0, endpoints);
    const pods = `${core(index)}/pods`;
    const body = { ...object, metadata: { ...object.metadata, name } };
    const made = await client.send({ method: 'POST', path: pods, body });
    const status = { phase: 'Running', podIP: ip, podIPs: [{ ip }] };
    await client.send({
      ...{ method: 'PUT', path: `${pods}/${name}/status` },
      body: { ...(made as Readonly<Record<string, unknown>>), status },
    });
    await client.send({
      ...{ method: 'PUT', path: `${slices(index)}/${service}-1` },
      body: sliceObject(index, { endpoints, firstIp: ip }),
    });
    const passingService = live[below(live.length)];
    const uses = draw(used).concat(passingService ?? []);
    await generator.replace(index, {
      ...{ nodeId: `${namespace}/${name}`, token: await tokenOf(client, namespace, name) },
      metadata: planned[index]?.metadata ?? {},
      uses: uses.map(clusterNameOf),
    });
    await remove(`${pods}/${podNames.get(index) ?? `${service}-0`}`);
    podNames.set(index, name);
  };

  const changeService = async (): Promise<void> => {
    const index = services + counts.services;
    live.push(index);
    await client.send({
      ...{ method: 'POST', path: `${core(favourite)}/services` },
      body: inFavouritesNamespace(serviceObject(index)),
    });
    await client.send({
      ...{ method: 'POST', path: slices(favourite) },
      body: inFavouritesNamespace(sliceObject(index, { endpoints })),
    });
    if (live.length <= passing) return;
    const oldest = serviceNameOf(live.shift() ?? index);
    await remove(`${core(favourite)}/services/${oldest}`);
    await remove(`${slices(favourite)}/${oldest}-1`);
  };

  const policies = `/apis/skerry.dev/v1alpha1/namespaces/${defaultNamespaceOf(favourite)}/trafficpolicies`;
  /** In turns: other routes of the favourite, a policy more, and its end. */
  const changeAPolicy = async (): Promise<void> => {
    const number = counts.policies;
    if (number % 3 === 0) return changePolicy(cluster, 1 + (number % 900));
    if (number % 3 === 2) {
      await remove(`${policies}/passing`);
      return;
    }
    await client.send({
      ...{ method: 'POST', path: policies },
      body: {
        ...{ apiVersion: 'skerry.dev/v1alpha1', kind: 'TrafficPolicy' },
        metadata: { name: 'passing', namespace: defaultNamespaceOf(favourite) },
        spec: {
          targetRefs: [{ kind: 'Service', name: serviceNameOf(1) }],
          authorization: {
            allow: [
              { name: `n${String(number)}`, from: [{ namespace: `bulk-${String(number)}` }] },
            ],
          },
        },
      },
    });
  };

  const each = async (kind: keyof typeof counts, change: () => Promise<unknown>): Promise<void> => {
    while (!signal.aborted) {
      const next = pause(everyMs[kind], undefined, { signal }).catch(() => undefined);
      await change();
      counts[kind] += 1;
      await next;
    }
  };
  const ended = Promise.all([
    each('endpoints', () => move(below(services - 1))),
    each('pods', replacePod),
    each('policies', changeAPolicy),
    each('services', changeService),
  ]).then(() => undefined);
  return { changes: () => ({ ...counts }), ended };
}

/** Services that pass need no namespace of their own. */
function inFavouritesNamespace(object: unknown): unknown {
  const made = object as { readonly metadata: Readonly<Record<string, unknown>> };
  const metadata = { ...made.metadata, namespace: defaultNamespaceOf(favourite) };
  return { ...made, metadata };
}
