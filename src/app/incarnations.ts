/** Which pods are no longer who or where they were: gone, another pod under the same name, in another zone. Mutable state. */
import type { WorkloadChange } from '../translators/index.js';

/** Remembers who each workload was. */
export interface Incarnations {
  /**
   * Workloads whose streams must end. One turn may take a pod away and bring another of its name,
   * so that it is never seen to be gone. What a stream sees is settled by its zone when it opens.
   */
  replaced(changes: readonly WorkloadChange[]): readonly string[];
}

/** Nobody is known yet. */
export function createIncarnations(): Incarnations {
  const known = new Map<string, string>();
  return {
    replaced: (changes) =>
      changes.flatMap(({ pod, sidecar }) => {
        const former = known.get(pod);
        if (sidecar === undefined) {
          known.delete(pod);
          return [pod];
        }
        const now = `${sidecar.uid} ${sidecar.spiffeId} ${sidecar.zone ?? ''}`;
        known.set(pod, now);
        return former === undefined || former === now ? [] : [pod];
      }),
  };
}
