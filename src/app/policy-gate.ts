/** Between sources, sidecars and the turn loop: which form of a policy goes in, and what sidecars say of it. */
import type { Logger } from '../lib/index.js';
import {
  nameOf,
  namespaceOf,
  type PolicyKey,
  type RefusedPolicy,
  type TrafficPolicy,
} from '../model/index.js';
import type { XdsResource } from '../xds/index.js';
import type { EffectivePolicies, PolicyVerdict } from './effective-policies.js';
import { policiesOf, type PolicyOrigin } from './policy-origins.js';
import type { TurnLoop } from './turns.js';

/** Takes verdicts of sidecars. */
export interface PolicyGate {
  set(key: PolicyKey, form: TrafficPolicy | RefusedPolicy | undefined): void;
  accepted(resources: readonly XdsResource[]): void;
  /** `isCertain`: Envoy named this resource, or it was alone in its response. */
  rejected(resources: readonly XdsResource[], isCertain: boolean, message: string): void;
  /** What the sidecars of another control plane have said. */
  learn(verdict: PolicyVerdict): void;
}

/** The gate; forms that change by a verdict go into the loop by themselves. */
export function createPolicyGate(options: {
  readonly policies: EffectivePolicies;
  readonly loop: Pick<TurnLoop, 'putPolicy'>;
  readonly logger: Logger;
}): PolicyGate {
  const { policies, loop, logger } = options;
  /** By policy, `type hash`: forms that some sidecar has accepted in a resource of that type. */
  const proven = new Map<PolicyKey, Set<string>>();
  const proof = (resource: XdsResource, { hash }: PolicyOrigin): string =>
    `${resource.typeUrl} ${hash}`;
  return {
    set(key, form): void {
      // Proofs of older texts are of no use: the set stays as small as the policies in force.
      proven.delete(key);
      loop.putPolicy(key, policies.set(key, form));
    },
    accepted(resources): void {
      for (const resource of resources) {
        for (const origin of policiesOf(resource)) {
          const proofs = proven.get(origin.key) ?? new Set();
          const text = proof(resource, origin);
          if (proofs.has(text)) continue;
          proven.set(origin.key, proofs.add(text));
          policies.accept(origin.key, origin.hash);
        }
      }
    },
    rejected(resources, isCertain, message): void {
      // Uncertain: the protocol isolates the culprit and tells again.
      if (!isCertain) return;
      for (const resource of resources) {
        for (const origin of policiesOf(resource)) {
          const { key, hash } = origin;
          // A form that some sidecar has accepted in such a resource is not what is new here.
          if (proven.get(key)?.has(proof(resource, origin)) === true) continue;
          const form = policies.reject(key, hash, message);
          if (form === undefined) continue;
          logger.warn('a policy was refused by a sidecar', {
            policy: `${namespaceOf(key)}/${nameOf(key)}`,
            resource: resource.name,
            inForce: form.kind === 'TrafficPolicy' ? form.hash : 'none',
            reply: message,
          });
          loop.putPolicy(key, form);
        }
      }
    },
    learn(verdict): void {
      const form = policies.learn(verdict);
      if (form !== undefined) loop.putPolicy(verdict.key, form);
    },
  };
}
