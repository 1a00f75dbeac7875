/** A real API server that holds a mesh as large as wanted. */
import type { BenchRun } from '../bench-mesh.js';
import { defaultNamespaceOf, podObject, serviceObject, sliceObject } from './objects.js';
import {
  openKubernetesClient,
  trafficPolicyObjects,
  type KubernetesClient,
} from '../../src/sources/index.js';
import {
  startApiServer,
  type TestApiServer,
} from '../../src/sources/kubernetes/testing/api-server.js';

/** How much it holds. */
export interface FillOptions {
  readonly services: number;
  readonly endpointsPerService: number;
  /** Services that come later; their namespaces are made now. */
  readonly later?: number;
}

/** The API server, with everything in it. */
export interface FilledCluster {
  readonly server: TestApiServer;
  readonly client: KubernetesClient;
  stop(): Promise<void>;
}

/** Writes under way at the same time: more make kube-apiserver no faster on two cores. */
const atOnce = 32;

/** Runs `tasks` with so many under way; rejects with the first failure. */
export async function inParallel(
  count: number,
  task: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      await task(index);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

async function createNamespaces(client: KubernetesClient, options: FillOptions): Promise<void> {
  const names = new Set(
    Array.from({ length: options.services + (options.later ?? 0) }, (_, index) =>
      defaultNamespaceOf(index),
    ),
  );
  // An installation would make it.
  names.add('skerry-system');
  for (const name of names) {
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    await client.send({ method: 'POST', path: '/api/v1/namespaces', body });
    await client.send({
      ...{ method: 'POST', path: `/api/v1/namespaces/${name}/serviceaccounts` },
      body: { metadata: { name: 'app' } },
    });
  }
}

/** Creates Service number `index`, without endpoints and pods. */
export async function createService(client: KubernetesClient, index: number): Promise<void> {
  const path = `/api/v1/namespaces/${defaultNamespaceOf(index)}/services`;
  await client.send({ method: 'POST', path, body: serviceObject(index) });
}

/** Creates its EndpointSlice. */
export async function createSlice(
  client: KubernetesClient,
  index: number,
  endpoints: number,
): Promise<void> {
  const path = `/apis/discovery.k8s.io/v1/namespaces/${defaultNamespaceOf(index)}/endpointslices`;
  await client.send({ method: 'POST', path, body: sliceObject(index, { endpoints }) });
}

/** Creates one of its pods. */
export async function createPod(
  client: KubernetesClient,
  index: number,
  { replica, endpoints }: { readonly replica: number; readonly endpoints: number },
): Promise<void> {
  const path = `/api/v1/namespaces/${defaultNamespaceOf(index)}/pods`;
  const { object, status } = podObject(index, replica, endpoints);
  const made = await client.send({ method: 'POST', path, body: object });
  await client.send({
    ...{ method: 'PUT', path: `${path}/${object.metadata.name}/status` },
    body: { ...(made as Readonly<Record<string, unknown>>), status },
  });
}

async function createAll(
  client: KubernetesClient,
  index: number,
  endpoints: number,
): Promise<void> {
  await createService(client, index);
  await createSlice(client, index, endpoints);
  for (let replica = 0; replica < endpoints; replica += 1) {
    await createPod(client, index, { replica, endpoints });
  }
}

/** Starts it and fills it: half a minute for a thousand Services. Rejects, with all ended, when interrupted. */
export async function fillCluster(
  options: FillOptions,
  { say, interrupted }: BenchRun,
): Promise<FilledCluster> {
  const server = await startApiServer();
  const client = openKubernetesClient({ kubeconfig: server.kubeconfig });
  const stop = async (): Promise<void> => {
    client.close();
    await server.stop();
  };
  try {
    const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    for (const body of trafficPolicyObjects()) {
      if (body.kind !== 'CustomResourceDefinition') continue;
      await client.send({ method: 'POST', path: definitions, body });
    }
    await createNamespaces(client, options);
    say(`creating ${String(options.services)} Services in a real API server`);
    await inParallel(options.services, async (index) => {
      interrupted.throwIfAborted();
      await createAll(client, index, options.endpointsPerService);
    });
    return { server, client, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
