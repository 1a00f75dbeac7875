/** Every sidecar there is, by namespace, whoever serves it. Mutable state. */
import { podKey, type Pod, type PodKey } from '../../../model/index.js';
import type { SourceBatch } from '../../../sources/index.js';

/** A pod that has a sidecar. */
export interface RosterEntry {
  readonly namespace: string;
  /** It is about to go: where nobody serves it any more, nobody waits for it. */
  readonly isTerminating: boolean;
}

/** The roster. */
export interface Roster {
  /** Takes in pods; returns those whose entry is different now. */
  take(batch: SourceBatch): readonly PodKey[];
  get(pod: PodKey): RosterEntry | undefined;
  entries(): ReadonlyMap<PodKey, RosterEntry>;
}

/** Undefined for what has no sidecar that could run: a pod without an address has not started. */
function entryOf(pod: Pod | undefined): RosterEntry | undefined {
  if (pod === undefined || !pod.isInMesh || pod.isFinished || pod.isHostNetwork) return undefined;
  if (pod.ips.length === 0) return undefined;
  return { namespace: pod.namespace, isTerminating: pod.isTerminating };
}

/** A roster of nobody. */
export function createRoster(): Roster {
  const entries = new Map<PodKey, RosterEntry>();
  return {
    take: (batch) =>
      batch.changes.flatMap((change): readonly PodKey[] => {
        if (change.collection !== 'pods') return [];
        const pod = podKey(change.ref.namespace, change.ref.name);
        const former = entries.get(pod);
        const entry = entryOf(change.value);
        if (former?.isTerminating === entry?.isTerminating) return [];
        if (entry === undefined) entries.delete(pod);
        else entries.set(pod, entry);
        return [pod];
      }),
    get: (pod) => entries.get(pod),
    entries: () => entries,
  };
}
