/** Between sources, sidecars and the turn loop: which form of a policy goes in, and what sidecars say of it. */
import { shortTypeName } from '../envoy/index.js';
import type { Clock, Logger } from '../lib/index.js';
import {
  nameOf,
  namespaceOf,
  type PolicyKey,
  type RefusedPolicy,
  type TrafficPolicy,
} from '../model/index.js';
import type { XdsResource } from '../xds/index.js';
import type { EffectivePolicies, PolicyVerdict } from './effective-policies.js';
import { isInDoubt, standingRefusals, toStanding } from './policy-answers.js';
import { policiesOf } from './policy-origins.js';
import type { TurnLoop } from './turns.js';

/** Resources of one type, and who speaks of them. */
export interface Testimony {
  /** `namespace/serviceAccount`, as the stream has proved. */
  readonly identity: string;
  readonly typeUrl: string;
  readonly resources: readonly XdsResource[];
}

/** Takes verdicts of sidecars. */
export interface PolicyGate {
  set(key: PolicyKey, form: TrafficPolicy | RefusedPolicy | undefined): void;
  accepted(testimony: Testimony): void;
  /** Of resources that were refused for certain: Envoy named them, or each was alone in its response. */
  rejected(testimony: Testimony, message: string): void;
  /** What the sidecars of another control plane have said. */
  learn(verdict: PolicyVerdict): void;
}

/**
 * Whom a form is sent to answers within this, or is not waited for: long for an ACK, and for what
 * another control plane knows; short for a sidecar that has nothing else to go on with.
 */
export const answerMs = 5_000;

/** The gate; forms that change by a verdict go into the loop by themselves. */
export function createPolicyGate(options: {
  readonly policies: EffectivePolicies;
  readonly loop: Pick<TurnLoop, 'putPolicy'>;
  readonly logger: Logger;
  readonly clock: Pick<Clock, 'after'>;
  /** Whether a policy reaches no sidecar outside this namespace. */
  readonly reachesOnly: (key: PolicyKey, namespace: string) => boolean;
}): PolicyGate {
  const { policies, loop, logger, clock } = options;
  /** Forms that one identity has refused, and of which others may still say something. */
  const awaited = new Map<PolicyKey, { readonly hash: string; readonly cancel: () => void }>();

  const condemn = (key: PolicyKey, hash: string): void => {
    const refused = standingRefusals(policies.answers(key));
    const form = policies.reject(key, hash, refused[0]?.message ?? '');
    if (form === undefined) return;
    logger.warn('a policy was refused by sidecars', {
      policy: `${namespaceOf(key)}/${nameOf(key)}`,
      identities: refused.map(({ identity }) => identity),
      types: refused.map(({ type }) => type),
      inForce: form.kind === 'TrafficPolicy' ? form.hash : 'none',
      reply: refused[0]?.message ?? '',
    });
    loop.putPolicy(key, form);
  };
  /** Draws the conclusion from what is known of the newest form. */
  const conclude = (key: PolicyKey, isOver: boolean): void => {
    const hash = policies.newest(key)?.hash;
    if (hash === undefined || policies.isRejected(key, hash)) return;
    const standing = toStanding(policies.answers(key), (namespace) =>
      options.reachesOnly(key, namespace),
    );
    switch (standing) {
      case 'unrefused':
      case 'disputed':
        break;
      case 'suspected':
        if (isOver) condemn(key, hash);
        else wait(key, hash);
        break;
      case 'condemned':
        condemn(key, hash);
    }
  };
  const wait = (key: PolicyKey, hash: string): void => {
    if (awaited.has(key)) return;
    const cancel = clock.after(answerMs, () => {
      awaited.delete(key);
      conclude(key, true);
    });
    awaited.set(key, { hash, cancel });
  };

  return {
    set(key, form): void {
      const waiting = awaited.get(key);
      if (waiting !== undefined && waiting.hash !== form?.hash) {
        waiting.cancel();
        awaited.delete(key);
      }
      loop.putPolicy(key, policies.set(key, form));
    },
    accepted({ identity, typeUrl, resources }): void {
      const by = { identity, type: shortTypeName(typeUrl) };
      for (const resource of resources) {
        for (const { key, hash } of policiesOf(resource)) {
          const form = policies.accept(key, hash, by);
          if (form !== undefined) loop.putPolicy(key, form);
        }
      }
    },
    rejected({ identity, typeUrl, resources }, message): void {
      const type = shortTypeName(typeUrl);
      for (const resource of resources) {
        for (const { key, hash } of policiesOf(resource)) {
          const isNews = policies.refuse(key, hash, { identity, type, message });
          // Said before by a control plane that is gone, perhaps; else nothing follows from it again.
          const isOpen = !awaited.has(key) && isInDoubt(policies.answers(key));
          if (isNews || isOpen) conclude(key, false);
        }
      }
    },
    learn(verdict): void {
      const form = policies.learn(verdict);
      if (form !== undefined) loop.putPolicy(verdict.key, form);
      conclude(verdict.key, false);
    },
  };
}
