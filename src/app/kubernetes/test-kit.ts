/** What the tests of this folder share: an API server, namespaces of their own, waiting for facts. */
import { afterAll, beforeAll } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { openKubernetesClient, type KubernetesClient } from '../../sources/index.js';
import { sharedApiServer } from '../../sources/kubernetes/testing/api-server.js';

/** A cluster as the tests of one file see it. */
export interface TestCluster {
  readonly client: KubernetesClient;
  readonly kubeconfig: string;
  /** Makes a namespace that only this file knows. */
  namespace(labels?: Readonly<Record<string, string>>): Promise<string>;
}

/** Joins the API server that the files share; to be called at the top of a file. */
export function joinCluster(): () => TestCluster {
  let cluster: TestCluster | undefined;
  let release = (): Promise<void> => Promise.resolve();
  beforeAll(async () => {
    const server = await sharedApiServer();
    const client = openKubernetesClient({ kubeconfig: server.kubeconfig });
    release = async () => {
      client.close();
      await server.release();
    };
    cluster = {
      client,
      kubeconfig: server.kubeconfig,
      namespace: async (labels = {}) => {
        const name = `t-${randomBytes(6).toString('hex')}`;
        const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
        await client.send({ method: 'POST', path: '/api/v1/namespaces', body });
        return name;
      },
    };
  }, 120_000);
  afterAll(() => release());
  return () => {
    if (cluster === undefined) throw new Error('there is no cluster yet');
    return cluster;
  };
}

/** Resolves with what `look` finds, once it finds something; rejects after `deadlineMs`. */
export async function eventually<T>(
  look: () => Promise<T | undefined> | T | undefined,
  deadlineMs = 15_000,
): Promise<T> {
  const endMs = Date.now() + deadlineMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > endMs) throw new Error(`not so after ${String(deadlineMs)} ms`);
    await sleep(10);
  }
}

/** The object at `path`; undefined when there is none. */
export async function objectAt(client: KubernetesClient, path: string): Promise<unknown> {
  try {
    return await client.send({ method: 'GET', path });
  } catch (error) {
    if (error instanceof Error && 'status' in error && error.status === 404) return undefined;
    throw error;
  }
}
