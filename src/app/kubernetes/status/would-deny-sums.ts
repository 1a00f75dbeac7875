/**
 * What all replicas together have counted of a policy in mode Audit. Mutable state: what each has said
 * last, since replicas come and go, and what they have counted does not.
 */
import type { PolicyKey } from '../../../model/index.js';
import { mostFrequent, type WouldDeny } from '../../would-deny.js';
import type { WouldDenyStatus } from './policy-status.js';

/** The sums. */
export interface WouldDenySums {
  /**
   * Takes in what replicas say of one form of a policy; `former`: what the status says of the same
   * form, which another leader may have written.
   */
  add(
    policy: PolicyKey,
    hash: string,
    told: ReadonlyMap<string, WouldDeny>,
    former: WouldDenyStatus | undefined,
  ): WouldDenyStatus;
  forget(policy: PolicyKey): void;
  clear(): void;
}

interface Sum {
  readonly shown: number;
  /** By replica. */
  readonly seen: ReadonlyMap<string, number>;
}

interface PolicySum {
  readonly hash: string;
  readonly total: Sum;
  readonly callers: ReadonlyMap<string, Sum>;
}

const shownCallers = 5;
/** Those that may come to be among the first. */
const keptCallers = 50;

/**
 * The next sum. What a replica has said before grows by the difference. Of one that is new to us
 * nobody knows how much is counted already, hence all that is said now is the least there can be.
 */
function advance({ shown, seen }: Sum, told: ReadonlyMap<string, number>): Sum {
  let [grown, least] = [shown, 0];
  for (const [replica, count] of told) {
    const before = seen.get(replica);
    // One that says less than before has started anew.
    if (before !== undefined) grown += count < before ? count : count - before;
    least += count;
  }
  // One that has gone silent may come back and say the same again.
  return { shown: Math.max(grown, least), seen: new Map([...seen, ...told]) };
}

const nothing: Sum = { shown: 0, seen: new Map() };

/** Sums of nothing. */
export function createWouldDenySums(): WouldDenySums {
  const sums = new Map<PolicyKey, PolicySum>();
  const start = (hash: string, former: WouldDenyStatus | undefined): PolicySum => ({
    hash,
    total: { shown: former?.count ?? 0, seen: new Map() },
    callers: new Map(
      former?.callers.map(({ caller, count }) => [caller, { shown: count, seen: new Map() }]),
    ),
  });
  return {
    add(policy, hash, told, former): WouldDenyStatus {
      const known = sums.get(policy);
      const before = known?.hash === hash ? known : start(hash, former);
      const byCaller = new Map<string, Map<string, number>>();
      for (const [replica, { callers }] of told) {
        for (const [caller, count] of callers) {
          byCaller.set(
            caller,
            (byCaller.get(caller) ?? new Map<string, number>()).set(replica, count),
          );
        }
      }
      const callers = new Map(before.callers);
      for (const [caller, counts] of byCaller) {
        callers.set(caller, advance(callers.get(caller) ?? nothing, counts));
      }
      const ranked = mostFrequent(
        new Map([...callers].map(([caller, { shown }]) => [caller, shown])),
        keptCallers,
      );
      const kept = new Set(ranked.map(([caller]) => caller));
      const counts = new Map([...told].map(([replica, { count }]) => [replica, count]));
      const total = advance(before.total, counts);
      sums.set(policy, {
        ...{ hash, total },
        callers: new Map([...callers].filter(([caller]) => kept.has(caller))),
      });
      return {
        count: total.shown,
        callers: ranked.slice(0, shownCallers).map(([caller, count]) => ({ caller, count })),
      };
    },
    forget: (policy) => void sums.delete(policy),
    clear: () => {
      sums.clear();
    },
  };
}
