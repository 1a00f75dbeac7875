/**
 * Which form of each TrafficPolicy is in force: the newest, or the last one that sidecars accepted
 * when they have refused the newest. Mutable state, persisted.
 */
import type {
  Diagnostic,
  ObjectRef,
  PolicyKey,
  RefusedPolicy,
  TrafficPolicy,
} from '../model/index.js';
import { diagnosticCodes } from '../model/index.js';

/** One form of a policy that sidecars have accepted or refused, as kept on disk. */
export interface PolicyVerdict {
  readonly key: PolicyKey;
  /** Newest first; at most two, so that a form refused later still leaves one. */
  readonly accepted: readonly TrafficPolicy[];
  /** Spec hash → Envoy's message. */
  readonly rejected: Readonly<Record<string, string>>;
}

/** What is accepted and refused of one policy, whatever a form is. */
export interface Judgement<F> {
  /** Newest first. */
  readonly accepted: readonly F[];
  /** Spec hash → Envoy's message. */
  readonly rejected: Readonly<Record<string, string>>;
}

/** Keeps verdicts: a directory, or the cluster. */
export interface VerdictStore {
  load(): Promise<readonly PolicyVerdict[]>;
  /** Called with the whole verdict of one policy; must not throw. */
  save(verdict: PolicyVerdict): void;
  forget(key: PolicyKey): void;
}

type Form = TrafficPolicy | RefusedPolicy;

/** The policies in force. */
export interface EffectivePolicies {
  /** The source's newest word on a policy; returns the form in force (undefined: none). */
  set(key: PolicyKey, form: Form | undefined): Form | undefined;
  /** A sidecar accepted configuration made from this form. */
  accept(key: PolicyKey, hash: string): void;
  /** A sidecar refused it; returns the form in force now, or undefined when nothing changes. */
  reject(key: PolicyKey, hash: string, message: string): Form | undefined;
  /** Another control plane's verdict; returns the form in force now, or undefined when nothing changes. */
  learn(verdict: PolicyVerdict): Form | undefined;
  /** The form in force; undefined: there is no such policy. */
  inForce(key: PolicyKey): Form | undefined;
  /** The source's newest word on a policy, in force or not. */
  newest(key: PolicyKey): Form | undefined;
  /** In which words the newest form was refused; undefined: it was not. */
  refusalOf(key: PolicyKey): string | undefined;
  /** Whether the newest form of a policy is this one, and was refused. */
  isRejected(key: PolicyKey, hash: string): boolean;
  diagnostics(): readonly Diagnostic[];
}

/** How many accepted forms are kept of a policy. */
export const acceptedKept = 2;

/**
 * Two judgements of one policy as one: who has seen a form refused is believed, and an acceptance
 * makes the refusals of other forms history. Holds more than {@link acceptedKept} forms at times.
 */
export function mergeJudgements<F extends { readonly hash: string }>(
  newer: Judgement<F>,
  older: Judgement<F>,
): Judgement<F> {
  const isAcceptance = Object.keys(newer.rejected).length === 0;
  const latest = newer.accepted[0]?.hash;
  const still = Object.entries(older.rejected).filter(
    ([hash]) => !isAcceptance || latest === undefined || hash === latest,
  );
  const rejected = { ...Object.fromEntries(still), ...newer.rejected };
  const all = new Map([...newer.accepted, ...older.accepted].map((form) => [form.hash, form]));
  return {
    accepted: [...all.values()].filter(({ hash }) => !Object.hasOwn(rejected, hash)),
    rejected,
  };
}

/** Creates the table from what was kept. */
export function createEffectivePolicies(
  verdicts: readonly PolicyVerdict[],
  store: Pick<VerdictStore, 'save' | 'forget'>,
): EffectivePolicies {
  const known = new Map(verdicts.map((verdict) => [verdict.key, verdict]));
  const current = new Map<PolicyKey, Form>();

  const verdictOf = (key: PolicyKey): PolicyVerdict =>
    known.get(key) ?? { key, accepted: [], rejected: {} };

  const remember = (verdict: PolicyVerdict): void => {
    known.set(verdict.key, verdict);
    store.save(verdict);
  };

  const effective = (key: PolicyKey): Form | undefined => {
    const form = current.get(key);
    if (form === undefined) return undefined;
    const verdict = verdictOf(key);
    if (form.kind === 'RefusedPolicy') {
      // Of the same object: what bore this name before it says nothing of it.
      const isSame = (other: TrafficPolicy): boolean =>
        other.creationTimestampMs === form.creationTimestampMs;
      return verdict.accepted.find(isSame) ?? form;
    }
    if (verdict.rejected[form.hash] === undefined) return form;
    return verdict.accepted[0] ?? refusedForm(form);
  };

  return {
    set(key, form): Form | undefined {
      if (form === undefined) {
        current.delete(key);
        if (known.delete(key)) store.forget(key);
        return undefined;
      }
      current.set(key, form);
      return effective(key);
    },
    accept(key, hash): void {
      const form = current.get(key);
      const verdict = verdictOf(key);
      if (form?.kind !== 'TrafficPolicy' || form.hash !== hash) return;
      if (verdict.rejected[hash] !== undefined || verdict.accepted[0]?.hash === hash) return;
      const others = verdict.accepted.filter((other) => other.hash !== hash);
      // Only forms that may still be wanted are kept: the rejections of older texts are history.
      remember({ key, accepted: [form, ...others].slice(0, acceptedKept), rejected: {} });
    },
    reject(key, hash, message): Form | undefined {
      const verdict = verdictOf(key);
      if (verdict.rejected[hash] !== undefined) return undefined;
      remember({
        key,
        accepted: verdict.accepted.filter((form) => form.hash !== hash),
        rejected: { ...verdict.rejected, [hash]: message },
      });
      return current.get(key)?.hash === hash ? effective(key) : undefined;
    },
    learn(verdict): Form | undefined {
      const { key } = verdict;
      const before = effective(key);
      const { accepted, rejected } = mergeJudgements(verdict, verdictOf(key));
      known.set(key, { key, accepted: accepted.slice(0, acceptedKept), rejected });
      const after = effective(key);
      return after?.kind === before?.kind && after?.hash === before?.hash ? undefined : after;
    },
    inForce: effective,
    newest: (key) => current.get(key),
    refusalOf(key): string | undefined {
      const form = current.get(key);
      return form === undefined ? undefined : verdictOf(key).rejected[form.hash];
    },
    isRejected: (key, hash) =>
      current.get(key)?.hash === hash && verdictOf(key).rejected[hash] !== undefined,
    diagnostics(): readonly Diagnostic[] {
      const found: Diagnostic[] = [];
      for (const [key, form] of current) {
        const verdict = verdictOf(key);
        const message = verdict.rejected[form.hash];
        if (message === undefined) continue;
        found.push(rejectedDiagnostic(form, message, verdict.accepted.length > 0));
      }
      return found;
    },
  };
}

function refusedForm(form: TrafficPolicy): RefusedPolicy {
  return {
    kind: 'RefusedPolicy',
    key: form.key,
    namespace: form.namespace,
    name: form.name,
    creationTimestampMs: form.creationTimestampMs,
    hash: form.hash,
    targets: form.targets,
    // What was never enforced is not enforced by being refused.
    spokeOfMtls: form.mode === 'Enforce' && form.mtls !== undefined,
    spokeOfAuthorization: form.mode === 'Enforce' && form.authorization !== undefined,
  };
}

function rejectedDiagnostic(form: Form, message: string, hasGoodForm: boolean): Diagnostic {
  const object: ObjectRef = {
    group: 'skerry.dev',
    kind: 'TrafficPolicy',
    namespace: form.namespace,
    name: form.name,
  };
  return {
    code: 'Rejected',
    severity: 'error',
    object,
    field: 'spec',
    message: `a sidecar refused the configuration made from this object: ${message}`,
    remedy: hasGoodForm
      ? diagnosticCodes.Rejected.remedy
      : 'read Envoy’s message and change the field it speaks of; no good form is known, so its targets admit nobody where it spoke of authorization, and are Strict where it spoke of mtls',
  };
}
