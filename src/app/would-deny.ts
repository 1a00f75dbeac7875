/** Calls that policies in mode Audit would have refused, by policy and caller. Mutable state. */
import type { PolicyKey } from '../model/index.js';

/** What is counted of one form of a policy. */
export interface WouldDeny {
  /** Of the spec. */
  readonly hash: string;
  readonly count: number;
  /** By caller; those with few calls may be missing. */
  readonly callers: ReadonlyMap<string, number>;
}

/** The counts of this control plane. */
export interface WouldDenyLedger {
  /** Somebody's call would have been refused by the form that is in force. */
  note(policy: PolicyKey, caller: string): void;
  all(): ReadonlyMap<PolicyKey, WouldDeny>;
}

interface Tally {
  readonly hash: string;
  count: number;
  readonly callers: Map<string, number>;
}

/** Callers kept of a policy: who calls from ever new addresses must not fill the memory. */
const maxCallers = 256;

/** Nothing is counted yet. `hashOf`: of the form in force; undefined: there is none that audits. */
export function createWouldDenyLedger(
  hashOf: (policy: PolicyKey) => string | undefined,
): WouldDenyLedger {
  const tallies = new Map<PolicyKey, Tally>();
  return {
    note(policy, caller): void {
      const hash = hashOf(policy);
      if (hash === undefined) return;
      const known = tallies.get(policy);
      const tally = known?.hash === hash ? known : startTally(hash);
      tallies.set(policy, tally);
      tally.count += 1;
      tally.callers.set(caller, (tally.callers.get(caller) ?? 0) + 1);
      if (tally.callers.size > maxCallers) dropRarest(tally.callers);
    },
    all: () => {
      for (const [policy, { hash }] of tallies) {
        if (hashOf(policy) !== hash) tallies.delete(policy);
      }
      return tallies;
    },
  };
}

function startTally(hash: string): Tally {
  return { hash, count: 0, callers: new Map() };
}

/** Leaves the more frequent half. */
function dropRarest(callers: Map<string, number>): void {
  const rarest = mostFrequent(callers, Infinity).slice(maxCallers / 2);
  for (const [caller] of rarest) callers.delete(caller);
}

/** The callers with the most calls first; of equals, by name. */
export function mostFrequent(
  callers: ReadonlyMap<string, number>,
  limit: number,
): readonly (readonly [string, number])[] {
  return [...callers]
    .sort(([nameA, a], [nameB, b]) => b - a || (nameA < nameB ? -1 : 1))
    .slice(0, limit);
}
