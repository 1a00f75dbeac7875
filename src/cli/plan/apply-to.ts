/** What a cluster would have after `kubectl apply` of a directory. Pure. */
import {
  formatRef,
  type Namespace,
  type RefusedPolicy,
  type Service,
  type TrafficPolicy,
} from '../../model/index.js';
import type { OfferedCollection, SourceBatch, SourceChange } from '../../sources/index.js';
import { applyManifest } from './apply-manifest.js';
import { hasOtherEndpoints, plannedSlices, withPlaceholder } from './planned-endpoints.js';
import { followFlag } from './read-cluster.js';

/** How an apply is thought of. */
export interface ApplyOptions {
  /** The ConfigMaps and Secrets that the control plane follows. */
  readonly follows: readonly OfferedCollection[];
  readonly nowMs: number;
}

/** The state afterwards, and what of the directory has no effect there. */
export interface Applied {
  readonly batch: SourceBatch;
  readonly omissions: readonly string[];
}

/**
 * The cluster after `kubectl apply` of a directory: its policies, Services, Namespaces, key sets, CA
 * bundles and credentials. Pods and nodes stay as they are, and so does what is not in the directory;
 * the endpoints of a Service stay unless it selects others.
 */
export function applyTo(
  cluster: SourceBatch,
  directory: SourceBatch,
  options: ApplyOptions,
): Applied {
  const key = ({ collection, key: own }: SourceChange): string => `${collection} ${own}`;
  const rows = new Map(cluster.changes.map((change) => [key(change), change]));
  const omissions: string[] = [];
  let placeholders = 0;
  for (const change of directory.changes) {
    const { collection, ref } = change;
    if (isOffered(collection) && !options.follows.includes(collection)) {
      omissions.push(
        `${formatRef(ref)} has no effect: the control plane runs without ${followFlag(collection)}`,
      );
      continue;
    }
    const former = rows.get(key(change));
    const manifest = applyManifest(former?.manifest, change.manifest);
    const merged = merge(former, change, options.nowMs);
    if (merged?.collection !== 'services' || merged.value === undefined) {
      if (merged !== undefined) rows.set(key(change), { ...merged, manifest });
      continue;
    }
    const service = withPlaceholder(merged.value, placeholders);
    if (service === undefined) {
      omissions.push(
        `${formatRef(ref)} is one of too many new Services: calls to it are not judged`,
      );
    } else if (service !== merged.value) placeholders += 1;
    rows.set(key(change), { ...merged, value: service ?? merged.value, manifest });
  }
  for (const change of directory.changes) {
    if (change.collection !== 'services' || change.value === undefined) continue;
    const former = cluster.changes.find((each) => key(each) === key(change));
    const earlier = former?.collection === 'services' ? former.value : undefined;
    if (hasOtherEndpoints(earlier, change.value)) replaceSlices(rows, change.value);
  }
  const diagnostics = findings(cluster, directory);
  return { batch: { changes: [...rows.values()], diagnostics }, omissions };
}

/** As the EndpointSlice controller does once it has seen the Service; what is derived has no manifest. */
function replaceSlices(rows: Map<string, SourceChange>, service: Service): void {
  for (const [id, row] of rows) {
    if (row.collection !== 'slices' || row.value?.service !== service.key) continue;
    const { collection, key, ref } = row;
    rows.set(id, { collection, key, ref, value: { ...row.value, endpoints: [] } });
  }
  for (const slice of plannedSlices(service, [...rows.values()])) {
    rows.set(`${slice.collection} ${slice.key}`, slice);
  }
}

/** What is wrong with an object of the cluster stays so, unless the directory has it in another form. */
function findings(cluster: SourceBatch, directory: SourceBatch): SourceBatch['diagnostics'] {
  const said = new Set([
    ...directory.changes.map(({ ref }) => formatRef(ref)),
    ...directory.diagnostics.flatMap(({ object }) =>
      object === undefined ? [] : [formatRef(object)],
    ),
  ]);
  const stay = cluster.diagnostics.filter(
    ({ object }) => object === undefined || !said.has(formatRef(object)),
  );
  return [...stay, ...directory.diagnostics];
}

function isOffered(collection: SourceChange['collection']): collection is OfferedCollection {
  return collection === 'keySets' || collection === 'caBundles' || collection === 'credentials';
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
