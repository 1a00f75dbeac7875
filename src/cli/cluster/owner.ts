/** Whether the DaemonSet that a process belongs to is there to stay, or is being removed for good. */
import { KubernetesApiError, type KubernetesClient } from '../../sources/index.js';
import { textAt } from './objects.js';

/** A DaemonSet. */
export interface OwnerName {
  readonly namespace: string;
  readonly name: string;
}

/** What becomes of a DaemonSet; `unknown`: the API server does not answer. */
export type OwnerState = 'stays' | 'goes' | 'unknown';

/**
 * Asks the API server, for as long as `signal` lets it; never rejects. An account that is not known any
 * more, or has lost its right to ask, has been removed together with its DaemonSet.
 */
export async function ownerState(
  client: Pick<KubernetesClient, 'send'>,
  { namespace, name }: OwnerName,
  signal: AbortSignal,
): Promise<OwnerState> {
  const within = `namespaces/${encodeURIComponent(namespace)}`;
  const owner = `/apis/apps/v1/${within}/daemonsets/${encodeURIComponent(name)}`;
  try {
    // With its namespace everything in it goes, in no order.
    for (const path of [owner, `/api/v1/${within}`]) {
      const found = await client.send({ method: 'GET', path, signal });
      if (textAt(found, 'metadata', 'deletionTimestamp') !== undefined) return 'goes';
    }
    return 'stays';
  } catch (error) {
    const isGone = error instanceof KubernetesApiError && [401, 403, 404].includes(error.status);
    return isGone ? 'goes' : 'unknown';
  }
}
