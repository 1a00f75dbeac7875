/** How many new keys of one pod are signed: a bucket for each that fills again by the clock. Mutable state. */
import type { Clock } from '../lib/index.js';

/** How many keys of one pod are signed. */
export interface KeyAllowance {
  /** So many at once. */
  readonly atOnce: number;
  /** And then one in each so many milliseconds. */
  readonly msPerKey: number;
}

/**
 * A sidecar makes one key in its life, and its pod may start again and again. Whoever has its token
 * could have signed without end, and so fill the audit log and push all others out of the memory.
 */
export const defaultKeyAllowance: KeyAllowance = { atOnce: 20, msPerKey: 10_000 };

/** The buckets of all pods. */
export interface KeyBudget {
  /** Whether one more key of the pod may be signed, which it then counts. */
  take(podUid: string): boolean;
  /** Pods whose bucket is not known to be full. */
  size(): number;
}

/** A key costs `msPerKey` of what time has filled in. */
interface Bucket {
  readonly leftMs: number;
  readonly atMs: number;
}

/** Every bucket is full. */
export function createKeyBudget(
  { atOnce, msPerKey }: KeyAllowance,
  clock: Pick<Clock, 'now'>,
): KeyBudget {
  // The one that was used last stands last.
  const buckets = new Map<string, Bucket>();

  const fullMs = atOnce * msPerKey;

  /** A clock that was set back fills nothing, and takes nothing away. */
  const levelOf = ({ leftMs, atMs }: Bucket, nowMs: number): number =>
    Math.min(fullMs, leftMs + Math.max(0, nowMs - atMs));

  const forgetFull = (nowMs: number): void => {
    for (const [podUid, bucket] of buckets) {
      if (nowMs < bucket.atMs + fullMs) return;
      buckets.delete(podUid);
    }
  };

  return {
    take(podUid): boolean {
      const nowMs = clock.now();
      forgetFull(nowMs);
      const known = buckets.get(podUid);
      const levelMs = known === undefined ? fullMs : levelOf(known, nowMs);
      const isAllowed = levelMs >= msPerKey;
      buckets.delete(podUid);
      buckets.set(podUid, { leftMs: isAllowed ? levelMs - msPerKey : levelMs, atMs: nowMs });
      return isAllowed;
    },
    size: () => buckets.size,
  };
}
