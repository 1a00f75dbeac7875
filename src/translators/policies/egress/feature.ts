/** `outbound.egress`: what happens to calls to addresses that nobody in the mesh has. */
import type { EgressIr, Origin } from '../../../ir/index.js';
import type { EgressSetting } from '../../../model/index.js';
import { byAge, policyOrigin, type PolicyHead, type Rank } from '../../to-ir/attach.js';

/** The part of a policy that speaks of egress. */
export interface EgressPolicy extends PolicyHead, EgressSetting {}

const section = 'spec.outbound.egress';
const defaultDecision: EgressIr = {
  mode: 'AllowAny',
  allow: [],
  decidedBy: '',
  origins: [],
};

/**
 * Mode and allow list each by the nearest policy that has one; of equals the older. What none has
 * `fallback` decides. Under AllowAny there is nothing to allow.
 */
function decide(
  candidates: readonly { readonly policy: EgressPolicy; readonly rank: Rank }[],
  fallback: EgressWish,
): EgressWish {
  const sorted = [...candidates].sort((a, b) => b.rank - a.rank || byAge(a.policy, b.policy));
  const modes = sorted.flatMap(({ policy }) =>
    policy.mode === undefined
      ? []
      : [{ value: policy.mode, key: policy.key, origin: policyOrigin(policy, `${section}.mode`) }],
  );
  const lists = sorted.flatMap(({ policy }) =>
    policy.allow === undefined
      ? []
      : [{ value: policy.allow, origin: policyOrigin(policy, `${section}.allow`) }],
  );
  const mode = modes[0] ?? fallback.mode;
  const allow = lists[0] ?? fallback.allow;
  return { ...(mode === undefined ? {} : { mode }), ...(allow === undefined ? {} : { allow }) };
}

/** What policies say, leaf by leaf. */
export interface EgressWish {
  readonly mode?: {
    readonly value: NonNullable<EgressSetting['mode']>;
    readonly key: string;
    readonly origin: Origin;
  };
  readonly allow?: {
    readonly value: NonNullable<EgressSetting['allow']>;
    readonly origin: Origin;
  };
}

/** What comes of it. */
function conclude({ mode, allow }: EgressWish): EgressIr {
  if (mode === undefined) return defaultDecision;
  const isOpen = mode.value === 'AllowAny' || allow === undefined;
  return {
    mode: mode.value,
    allow: isOpen ? [] : allow.value,
    decidedBy: mode.key,
    origins: isOpen ? [mode.origin] : [mode.origin, allow.origin],
  };
}

/** The feature. */
export const egressFeature: {
  readonly section: typeof section;
  readonly decide: typeof decide;
  readonly conclude: typeof conclude;
} = Object.freeze({ section, decide, conclude });
