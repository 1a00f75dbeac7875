/** The sidecars of a mesh by namespace, and which replicas serve them: what counting starts from. Pure. */
import type { PodKey } from '../../../model/index.js';
import type { RosterEntry } from './roster.js';
import type { ReplicaSummary } from './summary.js';

/** The sidecars of one namespace. */
export interface NamespaceView {
  readonly selected: number;
  /** Those that nobody serves, sorted. */
  readonly offline: readonly PodKey[];
}

/** All of them at one moment. */
export interface FleetView {
  /** Sidecars that count; false: nobody serves it. */
  readonly pods: ReadonlyMap<PodKey, { readonly namespace: string; readonly isServed: boolean }>;
  readonly namespaces: ReadonlyMap<string, NamespaceView>;
}

/** The view; `summaries` are those of replicas that are there. Walks over all sidecars. */
export function toFleetView(
  roster: ReadonlyMap<PodKey, RosterEntry>,
  summaries: readonly ReplicaSummary[],
): FleetView {
  const pods = new Map<PodKey, { readonly namespace: string; readonly isServed: boolean }>();
  const namespaces = new Map<string, { selected: number; readonly offline: PodKey[] }>();
  for (const [pod, { namespace, isTerminating }] of roster) {
    const isServed = summaries.some(({ served }) => served.has(pod));
    if (!isServed && isTerminating) continue;
    pods.set(pod, { namespace, isServed });
    const view = namespaces.get(namespace) ?? { selected: 0, offline: [] };
    namespaces.set(namespace, view);
    view.selected += 1;
    if (!isServed) view.offline.push(pod);
  }
  for (const { offline } of namespaces.values()) offline.sort();
  return { pods, namespaces };
}
