/** How many keys of one pod are signed: a bucket for each that fills again by the clock. Mutable state. */
import type { Clock } from '../lib/index.js';

/** How many keys of one pod are signed. */
export interface KeyAllowance {
  /** So many at once. */
  readonly atOnce: number;
  /** And then one in each so many milliseconds; so often, too, one that gave way to another. */
  readonly msPerKey: number;
}

/**
 * A sidecar makes one key in its life, and its pod may start again and again. Whoever has its token
 * could have signed without end, and so fill the audit log and take the time of all others.
 */
export const defaultKeyAllowance: KeyAllowance = { atOnce: 20, msPerKey: 10_000 };

/** A key that is to be signed. */
export interface WantedKey {
  readonly podUid: string;
  readonly key: string;
  /** The one that the pod has a certificate for; absent: none is known. */
  readonly held?: string | undefined;
}

/** The buckets of all pods. */
export interface KeyBudget {
  /** Whether the key may be signed, which then counts. The one that is held always may: it is due. */
  take(wanted: WantedKey): boolean;
  /** The pod is gone for good. */
  forget(podUid: string): void;
  /** Pods of which something is kept. */
  size(): number;
}

/** A new key costs `msPerKey` of what time has filled in. */
interface Bucket {
  readonly leftMs: number;
  readonly atMs: number;
  /** When each was signed again last; 0: not yet. */
  readonly keys: Map<string, number>;
}

/**
 * Keys of a pod that are known again. The first stay, among them the one that was there before
 * somebody came with others: he cannot push it out, and what it needs is not taken from his share.
 */
const maxKeys = 32;
/** Pods that had several keys; the longest unheard of give way. */
const maxWatched = 10_000;

/** Every bucket is full. */
export function createKeyBudget(
  { atOnce, msPerKey }: KeyAllowance,
  clock: Pick<Clock, 'now'>,
): KeyBudget {
  const fullMs = atOnce * msPerKey;
  // The one that was used last stands last. Those with one key are forgotten when they are full again.
  const passing = new Map<string, Bucket>();
  const watched = new Map<string, Bucket>();

  /** A clock that was set back fills nothing, and takes nothing away. */
  const levelOf = ({ leftMs, atMs }: Bucket, nowMs: number): number =>
    Math.min(fullMs, leftMs + Math.max(0, nowMs - atMs));

  const forgetFull = (nowMs: number): void => {
    for (const [podUid, bucket] of passing) {
      if (nowMs < bucket.atMs + fullMs) return;
      passing.delete(podUid);
    }
  };

  const forget = (podUid: string): void => {
    passing.delete(podUid);
    watched.delete(podUid);
  };

  const keep = (podUid: string, bucket: Bucket): void => {
    forget(podUid);
    (bucket.keys.size > 1 ? watched : passing).set(podUid, bucket);
    const [oldest] = watched.keys();
    if (watched.size > maxWatched && oldest !== undefined) watched.delete(oldest);
  };

  return {
    take({ podUid, key, held }): boolean {
      if (key === held) return true;
      const nowMs = clock.now();
      forgetFull(nowMs);
      const bucket = watched.get(podUid) ?? passing.get(podUid);
      const keys = bucket?.keys ?? new Map<string, number>();
      if (held !== undefined && !keys.has(held) && keys.size < maxKeys) keys.set(held, 0);
      const levelMs = bucket === undefined ? fullMs : levelOf(bucket, nowMs);
      const signedAtMs = keys.get(key);
      const isFree = signedAtMs !== undefined && Math.abs(nowMs - signedAtMs) >= msPerKey;
      const isAllowed = isFree || levelMs >= msPerKey;
      // A key that is displaced in its first moments is signed again at once.
      if (isFree) keys.set(key, nowMs);
      else if (isAllowed && signedAtMs === undefined && keys.size < maxKeys) keys.set(key, 0);
      const leftMs = isAllowed && !isFree ? levelMs - msPerKey : levelMs;
      keep(podUid, { leftMs, atMs: nowMs, keys });
      return isAllowed;
    },
    forget,
    size: () => passing.size + watched.size,
  };
}
