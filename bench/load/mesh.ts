/** The mesh of a load bench: Services in a real API server, and who the simulated sidecars are. */
import { nodeMetadataKeys } from '../../src/sidecar/index.js';
import { inParallel, type FilledCluster } from '../cluster/filled.js';
import { controlPlaneName } from '../cluster/control-plane.js';
import { defaultNamespaceOf, serviceNameOf, vipOf } from '../cluster/objects.js';
import { tokenOf } from '../cluster/subscriber.js';
import { createDraw, createRandom } from './draw.js';
import type { Plan, PlannedSidecar } from './plan.js';

/** How large it is. */
export interface LoadSizes {
  readonly services: number;
  /** Of each Service. */
  readonly endpoints: number;
  readonly sidecars: number;
  /** Services that each sidecar's app calls. */
  readonly used: number;
}

/** The Service that most call: of the first rank. */
export const favourite = 0;

const drawSeed = 11;

/** The cluster that a call to a Service asks for. */
export function clusterNameOf(index: number): string {
  return `http|${vipOf(index)}:80`;
}

/** What each sidecar's app calls, by rank; the first one calls the favourite in any case. */
export function drawUses({ services, sidecars, used }: LoadSizes): readonly (readonly number[])[] {
  const draw = createDraw(services, createRandom(drawSeed));
  return Array.from({ length: sidecars }, (_, index) => {
    const drawn = draw(used);
    return index === 0 && !drawn.includes(favourite) ? [favourite, ...drawn.slice(1)] : drawn;
  });
}

/** Of the Services that the first sidecar uses, the one of the last rank. */
export function rarelyUsed(sizes: LoadSizes): number {
  return Math.max(...(drawUses(sizes)[0] ?? []));
}

/** The sidecars with their tokens: number i is that of a pod of Service i, each Service's first pods first. */
export async function planSidecars(
  { client }: FilledCluster,
  sizes: LoadSizes,
  layout: 'on-demand' | 'eager',
): Promise<readonly PlannedSidecar[]> {
  const uses = drawUses(sizes);
  const planned: PlannedSidecar[] = [];
  await inParallel(sizes.sidecars, async (index) => {
    const service = index % sizes.services;
    const namespace = defaultNamespaceOf(service);
    const pod = `${serviceNameOf(service)}-${String(Math.floor(index / sizes.services))}`;
    planned[index] = {
      nodeId: `${namespace}/${pod}`,
      token: await tokenOf(client, namespace, pod),
      metadata: { [nodeMetadataKeys.keyFile]: '/key.pem' },
      uses: layout === 'eager' ? [] : (uses[index] ?? []).map(clusterNameOf),
    };
  });
  return planned;
}

/** The generator's plan. */
export function planFor(address: string, roots: string, sidecars: readonly PlannedSidecar[]): Plan {
  const [host = '', port = ''] = address.split(':');
  return {
    ...{ host, port: Number(port), tls: { roots, serverName: controlPlaneName } },
    ...{ csrKey: nodeMetadataKeys.csr, sidecars: [...sidecars] },
  };
}

const policyPath = `/apis/skerry.dev/v1alpha1/namespaces/${defaultNamespaceOf(favourite)}/trafficpolicies`;

function routes(timeoutMs: number): unknown {
  const service = serviceNameOf(favourite);
  return {
    targetRefs: [{ kind: 'Service', name: service }],
    routes: [{ name: 'all', timeout: `${String(timeoutMs)}ms`, backends: [{ service }] }],
  };
}

/** Gives the favourite a route policy. */
export async function createPolicy({ client }: FilledCluster): Promise<void> {
  await client.send({
    ...{ method: 'POST', path: policyPath },
    body: {
      apiVersion: 'skerry.dev/v1alpha1',
      kind: 'TrafficPolicy',
      metadata: { name: 'routes', namespace: defaultNamespaceOf(favourite) },
      spec: routes(5_000),
    },
  });
}

/** Changes it; each call has to give another number. */
export async function changePolicy({ client }: FilledCluster, round: number): Promise<void> {
  await client.send({
    ...{ method: 'PATCH', path: `${policyPath}/routes` },
    contentType: 'application/merge-patch+json',
    body: { spec: routes(5_000 + round) },
  });
}
