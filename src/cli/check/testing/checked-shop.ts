/** Test support: a mesh with two sidecars in the namespace `shop`, found well, and ways to bring it into other states. */
import type { SidecarClient } from '../../../app/kubernetes/testing/sidecar-client.js';
import { makeWorkloads, type Workloads } from '../../../app/kubernetes/testing/workloads.js';
import { at } from '../../cluster/objects.js';
import { eventually, startCheckedMesh, type CheckedMesh, type CheckRun } from './checked-mesh.js';

/** A state of the mesh. */
export interface State {
  readonly begin: () => Promise<unknown>;
  readonly end: () => Promise<unknown>;
  readonly look: () => Promise<void>;
}

/** The mesh. */
export interface CheckedShop extends CheckedMesh {
  readonly shop: Workloads;
  /** The sidecar of `shop/cart`, which is connected to the first replica; `shop/web` is to the second. */
  readonly cart: SidecarClient;
  get(path: string): Promise<unknown>;
  create(path: string, body: unknown): Promise<unknown>;
  remove(path: string): Promise<void>;
  removePod(namespace: string, name: string): Promise<void>;
  /** An object as it can be created again. */
  copyOf(path: string): Promise<unknown>;
  /** Checks again and again until a finding of this code is there. */
  untilFound(code: string): Promise<CheckRun>;
  untilWell(): Promise<void>;
  /** Brings about a state, looks at it, and undoes it, whatever was seen. */
  during(state: State): Promise<void>;
}

/** Where an object is created. */
export function collectionOf(path: string): string {
  return path.replace(/\/[^/]*$/, '');
}

async function untilWell(mesh: CheckedMesh, deadlineMs: number): Promise<void> {
  let last: readonly string[] = [];
  try {
    await eventually(async () => {
      last = (await mesh.check()).found;
      return last.length === 0 ? true : undefined;
    }, deadlineMs);
  } catch (cause) {
    throw new Error(`not well: ${last.join('\n')}`, { cause });
  }
}

/** Starts it, and waits until it is well. */
export async function startCheckedShop(): Promise<CheckedShop> {
  const mesh = await startCheckedMesh();
  try {
    return await openShop(mesh);
  } catch (error) {
    await mesh.stop();
    throw error;
  }
}

async function openShop(mesh: CheckedMesh): Promise<CheckedShop> {
  const { client, replicas } = mesh;
  const shop = await makeWorkloads(mesh.installed, 'shop');
  await shop.pod('cart', 'cart');
  await shop.pod('web', 'web');
  const cart = await shop.connect('cart', replicas[0]);
  const web = await shop.connect('web', replicas[1]);
  await untilWell(mesh, 30_000);
  const get = (path: string): Promise<unknown> => client.send({ method: 'GET', path });
  return {
    ...mesh,
    ...{ shop, cart, get },
    create: (path, body) => client.send({ method: 'POST', path, body }),
    remove: async (path) => {
      await client.send({ method: 'DELETE', path });
    },
    removePod: async (namespace, name) => {
      const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
      await client.send({ method: 'DELETE', path, body: { gracePeriodSeconds: 0 } });
    },
    copyOf: async (path) => {
      const object = (await get(path)) as object;
      const { name, namespace, labels, annotations } = at(object, 'metadata') as Record<
        string,
        unknown
      >;
      return { ...object, metadata: { name, namespace, labels, annotations } };
    },
    untilFound: (code) =>
      eventually(async () => {
        const run = await mesh.check();
        return run.found.some((one) => one.startsWith(`${code}:`)) ? run : undefined;
      }, 30_000),
    untilWell: () => untilWell(mesh, 60_000),
    during: async ({ begin, look, end }) => {
      try {
        await begin();
        await look();
      } finally {
        await end();
        await untilWell(mesh, 60_000);
      }
    },
    stop: async () => {
      for (const sidecar of [cart, web]) sidecar.close();
      await mesh.stop();
    },
  };
}
