/** The mesh as a cluster has it, and what it would be with a directory applied; reads only. */
import { systemClock } from '../../lib/index.js';
import type { Namespace, Service, TrafficPolicy, RefusedPolicy } from '../../model/index.js';
import {
  createKubernetesSource,
  type KubernetesClient,
  type SourceBatch,
  type SourceChange,
} from '../../sources/index.js';
import { CommandError } from '../io.js';

/** Reads everything once; rejects where some kind cannot be read within `timeoutMs`. */
export async function readCluster(
  client: KubernetesClient,
  rootNamespace: string,
  timeoutMs: number,
): Promise<SourceBatch> {
  let first: SourceBatch | undefined;
  const source = createKubernetesSource({
    ...{ client, rootNamespace, clock: systemClock },
    // What keeps it waiting is said below.
    logger: { warn: () => undefined, error: () => undefined },
    onChange: (batch) => {
      first ??= batch;
    },
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const reasons = source.waiting().join('; ');
      reject(new CommandError(`the cluster cannot be read: ${reasons}`));
    }, timeoutMs);
  });
  try {
    await Promise.race([source.start(), late]);
  } finally {
    clearTimeout(timer);
    await source.stop();
  }
  return first ?? { changes: [], diagnostics: [] };
}

/**
 * The cluster after `kubectl apply` of a directory: its policies, Services, Namespaces and key sets.
 * Pods, their endpoints and nodes stay as they are; what is not in the directory stays too.
 */
export function applyTo(cluster: SourceBatch, directory: SourceBatch, nowMs: number): SourceBatch {
  const key = ({ collection, key: own }: SourceChange): string => `${collection} ${own}`;
  const rows = new Map(cluster.changes.map((change) => [key(change), change]));
  for (const change of directory.changes) {
    const merged = merge(rows.get(key(change)), change, nowMs);
    if (merged !== undefined) rows.set(key(change), merged);
  }
  return { changes: [...rows.values()], diagnostics: directory.diagnostics };
}

function merge(
  former: SourceChange | undefined,
  next: SourceChange,
  nowMs: number,
): SourceChange | undefined {
  switch (next.collection) {
    case 'services': {
      const earlier = former?.collection === 'services' ? former.value : undefined;
      return { ...next, value: next.value && asService(earlier, next.value, nowMs) };
    }
    case 'namespaces': {
      const earlier = former?.collection === 'namespaces' ? former.value : undefined;
      return { ...next, value: next.value && asNamespace(earlier, next.value) };
    }
    case 'policies': {
      const earlier = former?.collection === 'policies' ? former.value : undefined;
      return { ...next, value: next.value && asPolicy(earlier, next.value, nowMs) };
    }
    case 'keySets':
    case 'caBundles':
    case 'credentials':
      return next;
    case 'pods':
    case 'slices':
    case 'nodes':
      return undefined;
  }
}

/** Addresses are the API server's to give; they stay as long as the Service does. */
function asService(former: Service | undefined, next: Service, nowMs: number): Service {
  const clusterIPs = next.clusterIPs.length > 0 ? next.clusterIPs : (former?.clusterIPs ?? []);
  const creationTimestampMs = former?.creationTimestampMs ?? nowMs;
  return { ...next, creationTimestampMs, clusterIPs: next.isHeadless ? [] : clusterIPs };
}

/** Others label namespaces too, which an apply does not undo. */
function asNamespace(former: Namespace | undefined, next: Namespace): Namespace {
  return { ...next, labels: { ...former?.labels, ...next.labels } };
}

/** The age of a policy decides between two of one rank. */
function asPolicy<T extends TrafficPolicy | RefusedPolicy>(
  former: TrafficPolicy | RefusedPolicy | undefined,
  next: T,
  nowMs: number,
): T {
  return { ...next, creationTimestampMs: former?.creationTimestampMs ?? nowMs };
}
