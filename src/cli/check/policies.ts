/** Whether TrafficPolicies are in force, and what the control plane says of other objects. */
import { formatRef } from '../../model/index.js';
import { nameOf } from '../cluster/objects.js';
import { policyProgress } from '../cluster/policy-progress.js';
import type { Check, CheckFinding, CheckOutcome } from './check.js';

const path = '/apis/skerry.dev/v1alpha1/trafficpolicies';

function policyFindings(policy: unknown): readonly CheckFinding[] {
  const { kind, says } = policyProgress(policy);
  if (kind === 'live') return [];
  const code = kind === 'failed' ? 'PolicyNotInForce' : 'PolicyPending';
  return [{ code, says: `${nameOf(policy)}: ${says}` }];
}

/** Whether every policy is live, and every object understood. */
export const policiesCheck: Check = {
  name: 'policies',
  needs: ['control-plane'],
  async look(facts): Promise<CheckOutcome> {
    const policies = await facts.list(path);
    const diagnostics = await facts.diagnostics();
    // What is wrong with a policy is in its own status already.
    const others = diagnostics.filter(
      ({ severity, object }) => severity === 'error' && object?.kind !== 'TrafficPolicy',
    );
    const diagnosed = others.map(({ object, code, message }): CheckFinding => {
      const name = object === undefined ? 'an object' : formatRef(object);
      return { code: 'ObjectDiagnosed', says: `${name}: ${code}: ${message}` };
    });
    return {
      says: `${String(policies.length)} policies`,
      findings: [...policies.flatMap(policyFindings), ...diagnosed],
    };
  },
};
