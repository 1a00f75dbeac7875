/** Reads objects that may not be there. */
import { KubernetesApiError, type KubernetesClient } from '../../sources/index.js';

/** The object at a path; undefined where there is none. */
export async function readObject(
  client: Pick<KubernetesClient, 'send'>,
  path: string,
  signal?: AbortSignal,
): Promise<unknown> {
  try {
    return await client.send({ method: 'GET', path, ...(signal && { signal }) });
  } catch (error) {
    if (error instanceof KubernetesApiError && error.status === 404) return undefined;
    throw error;
  }
}
