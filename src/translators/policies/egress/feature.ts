/** `outbound.egress.mode`: what happens to calls to addresses that nobody in the mesh has. */
import type { Origin } from '../../../ir/index.js';
import { byAge, policyOrigin, type PolicyHead, type Rank } from '../../to-ir/attach.js';

/** The part of a policy that speaks of egress. */
export interface EgressPolicy extends PolicyHead {
  readonly mode: 'AllowAny' | 'KnownOnly';
}

/** What holds for a namespace, or for the mesh. */
export interface EgressDecision {
  readonly mode: 'AllowAny' | 'KnownOnly';
  readonly origins: readonly Origin[];
}

const section = 'spec.outbound.egress';
const defaultDecision: EgressDecision = { mode: 'AllowAny', origins: [] };

/** The nearest policy decides; of equals the older; with none, `fallback` does. */
function decide(
  candidates: readonly { readonly policy: EgressPolicy; readonly rank: Rank }[],
  fallback: EgressDecision,
): EgressDecision {
  const [nearest] = [...candidates].sort((a, b) => b.rank - a.rank || byAge(a.policy, b.policy));
  if (nearest === undefined) return fallback;
  return {
    mode: nearest.policy.mode,
    origins: [policyOrigin(nearest.policy, section)],
  };
}

/** The feature. */
export const egressFeature: {
  readonly section: typeof section;
  readonly defaultDecision: EgressDecision;
  readonly decide: typeof decide;
} = Object.freeze({ section, defaultDecision, decide });
