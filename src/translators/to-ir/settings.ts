/** Settings merged leaf by leaf: of each leaf the nearer target's word holds, of equals the older object's. */
import { equal } from '../../graph/index.js';
import type { Origin, SettingIr } from '../../ir/index.js';
import { byAge, policyOrigin, type PolicyHead } from './attach.js';
import type { Finding } from './finding.js';

/** What one policy says of what is being decided; `Says` is a section of the model, all of it optional. */
export interface Speaker<Says> {
  readonly policy: PolicyHead;
  /** How near its target is; the higher number is nearer. Compared among the speakers only. */
  readonly rank: number;
  readonly says: Says;
  /** Where it says so, when that is not the leaf's own field. */
  readonly fieldOf?: (field: string) => string;
}

/** One leaf of a section: a number, a text, a list (replaced whole). */
export interface Leaf<Says, Value> {
  /** The path that users write, from `spec`: `spec.outbound.timeouts.connect`. */
  readonly field: string;
  /** Undefined: not set. */
  readonly get: (says: Says) => Value | undefined;
}

/** A leaf that somebody set, and who did. */
export interface Setting<Value> {
  readonly value: Value;
  /** The policy and its field. */
  readonly origin: Origin;
}

/** Those of a server's policies that say something, as `saysOf` reads them. */
export function speakersOf<Policy extends PolicyHead, Says>(
  reaching: readonly { readonly policy: Policy; readonly reach: { readonly rank: number } }[],
  saysOf: (policy: Policy) => Says | undefined,
): readonly Speaker<Says>[] {
  return reaching.flatMap(({ policy, reach }) => {
    const says = saysOf(policy);
    return says === undefined ? [] : [{ policy, rank: reach.rank, says }];
  });
}

/** Who set it: `namespace/name`. */
export function ownerOf({ origin }: Setting<unknown>): string {
  return origin.object.slice(origin.object.indexOf(' ') + 1);
}

/** A setting in words, for explanations; nothing when nobody set it. */
export function describe<Value>(
  setting: Setting<Value> | undefined,
  say: (value: Value) => string,
): readonly SettingIr[] {
  return setting === undefined ? [] : [{ says: say(setting.value), origin: setting.origin }];
}

/** What holds of one leaf, in whatever order `speakers` stand; undefined when nobody sets it. */
export function settle<Says, Value>(
  speakers: readonly Speaker<Says>[],
  leaf: Leaf<Says, Value>,
): Setting<Value> | undefined {
  let decided: { readonly speaker: Speaker<Says>; readonly value: Value } | undefined;
  for (const speaker of speakers) {
    const value = leaf.get(speaker.says);
    if (value === undefined) continue;
    if (decided === undefined || byWeight(speaker, decided.speaker) < 0) {
      decided = { speaker, value };
    }
  }
  if (decided === undefined) return undefined;
  const { speaker, value } = decided;
  return { value, origin: policyOrigin(speaker.policy, fieldOf(speaker, leaf)) };
}

function fieldOf<Says>(speaker: Speaker<Says>, { field }: Leaf<Says, unknown>): string {
  return speaker.fieldOf === undefined ? field : speaker.fieldOf(field);
}

/** The one that is heard first. */
function byWeight<Says>(a: Speaker<Says>, b: Speaker<Says>): number {
  return b.rank - a.rank || byAge(a.policy, b.policy);
}

/**
 * What younger objects set in vain, leaf by leaf: an equally near older one sets it to something
 * else. Saying the same twice is no conflict.
 */
export function findConflicts<Says>(
  speakers: readonly Speaker<Says>[],
  leaves: readonly Leaf<Says, unknown>[],
): readonly Finding[] {
  const ordered = [...speakers].sort(byWeight);
  return leaves.flatMap((leaf) =>
    ordered.flatMap((speaker, index): Finding[] => {
      const value = leaf.get(speaker.says);
      if (value === undefined) return [];
      const older = ordered
        .slice(0, index)
        .find(({ rank, says }) => rank === speaker.rank && leaf.get(says) !== undefined);
      if (older === undefined || equal(leaf.get(older.says), value)) return [];
      return [
        {
          object: `TrafficPolicy ${speaker.policy.key}`,
          code: 'Conflicted',
          severity: 'error',
          field: fieldOf(speaker, leaf),
          message: `TrafficPolicy ${older.policy.key} is older and sets it for the same calls or workloads`,
        },
      ];
    }),
  );
}
