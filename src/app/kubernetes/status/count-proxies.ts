/** How many sidecars a policy is about and how far they are, from what all replicas say. Pure. */
import type { PodKey, PolicyKey } from '../../../model/index.js';
import { hasNamespace, type PolicyReach } from '../../../translators/index.js';
import type { FleetView } from './fleet-view.js';
import type { ProxyCounts } from './policy-status.js';
import { isBehind, type ReplicaSummary } from './summary.js';

/** What is counted. */
export interface CountQuery {
  readonly policy: PolicyKey;
  /** Of the newest spec. */
  readonly hash: string;
  readonly reach: PolicyReach;
  /** Whom it reached before its last change: they count until they have let go of it. */
  readonly former: PolicyReach | undefined;
  /** The newest spec is in force nowhere: it was refused, or could not be read. */
  readonly isNowhere: boolean;
  /** Whether a replica has read the newest spec yet. */
  readonly isKnownTo: (summary: ReplicaSummary) => boolean;
}

/** The counts, and what they were made from. */
export interface Count extends ProxyCounts {
  /** Whether somebody is served and not live yet. */
  readonly isWaiting: boolean;
  /** Whether somebody that was reached before has not let go. */
  readonly isFormerHeld: boolean;
  /** Sidecars that refused the newest spec, sorted. */
  readonly refusing: readonly PodKey[];
}

/** Counts. Costs the pods that the policy reaches by themselves, the namespaces, and the sidecars that are behind. */
export function countProxies(
  query: CountQuery,
  fleet: FleetView,
  summaries: readonly ReplicaSummary[],
): Count {
  const { reach } = query;
  const reached = whoIsReached(reach, fleet);
  const behind = findBehind(query, fleet, summaries);
  const leaving = [...behind].filter((pod) => !isReached(reach, fleet, pod));
  const refusing = findRefusing(query, fleet, summaries);
  const selected = reached.selected + leaving.length;
  const offline = reached.offline.length;
  // Where it is in force at all, who refused it is not live, whether behind or not.
  const stubborn = refusing.filter(
    (pod) =>
      !behind.has(pod) && fleet.pods.get(pod)?.isServed === true && isReached(reach, fleet, pod),
  );
  const live = query.isNowhere ? 0 : selected - offline - behind.size - stubborn.length;
  const [slowest] = query.isNowhere ? [] : [...[...behind].sort(), ...reached.offline];
  return {
    ...{ selected, live, offline, slowest, refusing, rejected: refusing.length },
    isWaiting: behind.size > 0,
    isFormerHeld: leaving.length > 0,
  };
}

function isReached({ pods, callers }: PolicyReach, fleet: FleetView, pod: PodKey): boolean {
  const namespace = fleet.pods.get(pod)?.namespace;
  if (namespace === undefined) return false;
  return hasNamespace(callers, namespace) || includesSorted(pods, pod);
}

/** By halves: a policy of a whole mesh has many pods. */
function includesSorted(sorted: readonly PodKey[], pod: PodKey): boolean {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const at = sorted[middle];
    if (at === pod) return true;
    if (at !== undefined && at < pod) low = middle + 1;
    else high = middle;
  }
  return false;
}

function whoIsReached(
  { pods, callers }: PolicyReach,
  fleet: FleetView,
): { readonly selected: number; readonly offline: readonly PodKey[] } {
  let selected = 0;
  const offline: PodKey[] = [];
  for (const [name, namespace] of fleet.namespaces) {
    if (!hasNamespace(callers, name)) continue;
    selected += namespace.selected;
    offline.push(...namespace.offline);
  }
  for (const pod of pods) {
    const found = fleet.pods.get(pod);
    if (found === undefined || hasNamespace(callers, found.namespace)) continue;
    selected += 1;
    if (!found.isServed) offline.push(pod);
  }
  return { selected, offline: offline.sort() };
}

/** Served sidecars, reached now or before, on which not all of the newest spec is in force. */
function findBehind(
  query: CountQuery,
  fleet: FleetView,
  summaries: readonly ReplicaSummary[],
): ReadonlySet<PodKey> {
  const { policy, reach, former } = query;
  const found = new Set<PodKey>();
  const isMeant = (pod: PodKey): boolean =>
    fleet.pods.get(pod)?.isServed === true &&
    (isReached(reach, fleet, pod) || (former !== undefined && isReached(former, fleet, pod)));
  const knowing = summaries.filter(query.isKnownTo);
  for (const summary of knowing) {
    for (const pod of summary.behind.keys()) {
      if (isBehind(summary, pod, policy) && isMeant(pod)) found.add(pod);
    }
  }
  for (const summary of summaries) {
    if (knowing.includes(summary)) continue;
    for (const pod of summary.served) {
      // A replica that has just died still counts, but not for sidecars that have gone elsewhere.
      if (isMeant(pod) && !knowing.some(({ served }) => served.has(pod))) found.add(pod);
    }
  }
  return found;
}

function findRefusing(
  { policy, hash }: CountQuery,
  fleet: FleetView,
  summaries: readonly ReplicaSummary[],
): readonly PodKey[] {
  const found = new Set<PodKey>();
  for (const { refused } of summaries) {
    const refusal = refused.get(policy);
    if (refusal?.hash !== hash) continue;
    for (const pod of refusal.pods) if (fleet.pods.has(pod)) found.add(pod);
  }
  return [...found].sort();
}
