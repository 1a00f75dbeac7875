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
import {
  countAccepting,
  isInDoubt,
  isLifted,
  mergeAnswers,
  noAnswers,
  standingRefusals,
  withAcceptance,
  withRefusal,
  type FormAnswers,
  type FormRefusal,
  type Witness,
} from './policy-answers.js';

/** What sidecars have accepted and refused of one policy, as kept on disk. */
export interface PolicyVerdict {
  readonly key: PolicyKey;
  /** Newest first; at most two, so that a form refused later still leaves one. */
  readonly accepted: readonly TrafficPolicy[];
  /** Forms that are in force nowhere: spec hash → Envoy's message. */
  readonly rejected: Readonly<Record<string, string>>;
  /** Spec hash → who has said what, of the last few forms. */
  readonly answers?: Answers;
}

/** By spec hash. */
type Answers = Readonly<Record<string, FormAnswers>>;

/** What is accepted and refused of one policy, whatever a form is. */
export interface Judgement<F> {
  /** Newest first. */
  readonly accepted: readonly F[];
  /** Spec hash → Envoy's message. */
  readonly rejected: Readonly<Record<string, string>>;
  readonly answers?: Answers;
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
  /**
   * A sidecar accepted configuration made from this form; returns the form in force now, or
   * undefined when nothing changes. Hot: called at every ACK.
   */
  accept(key: PolicyKey, hash: string, by: Witness): Form | undefined;
  /**
   * A sidecar refused it; noted where it is the newest form, and not proven. Changes nothing yet;
   * returns whether it is news.
   */
  refuse(key: PolicyKey, hash: string, refusal: FormRefusal): boolean;
  /** What sidecars have said of the newest form. */
  answers(key: PolicyKey): FormAnswers;
  /** The form is condemned; returns the form in force now, or undefined when nothing changes. */
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
  /** Whether the newest form of a policy is this one, and somebody refuses it, for all or for himself. */
  isRefused(key: PolicyKey, hash: string): boolean;
  diagnostics(): readonly Diagnostic[];
}

/** How many accepted forms are kept of a policy. */
export const acceptedKept = 2;

/** Of how many forms of a policy it is kept who said what. */
const answersKept = 4;

/**
 * Two judgements of one policy as one: who has seen a form refused is believed, and an acceptance
 * makes the refusals of other forms history. Holds more than {@link acceptedKept} forms at times.
 */
export function mergeJudgements<F extends { readonly hash: string }>(
  newer: Judgement<F>,
  older: Judgement<F>,
): Judgement<F> {
  const isAcceptance =
    Object.keys(newer.rejected).length === 0 &&
    Object.values(newer.answers ?? {}).every(({ refused }) => refused.length === 0);
  const latest = newer.accepted[0]?.hash;
  const still = Object.entries(older.rejected).filter(
    ([hash]) => !isAcceptance || latest === undefined || hash === latest,
  );
  const answers = mergeAllAnswers(newer.answers ?? {}, older.answers ?? {});
  const rejected = Object.fromEntries(
    Object.entries({ ...Object.fromEntries(still), ...newer.rejected }).filter(
      ([hash]) => !isLifted(answers[hash] ?? noAnswers),
    ),
  );
  const all = new Map([...newer.accepted, ...older.accepted].map((form) => [form.hash, form]));
  return {
    accepted: [...all.values()].filter(({ hash }) => !Object.hasOwn(rejected, hash)),
    rejected,
    ...(Object.keys(answers).length > 0 && { answers }),
  };
}

function mergeAllAnswers(newer: Answers, older: Answers): Answers {
  const both = new Map(Object.entries(newer));
  for (const [hash, answers] of Object.entries(older)) {
    const known = both.get(hash);
    both.set(hash, known === undefined ? answers : mergeAnswers(known, answers));
  }
  return Object.fromEntries([...both].slice(0, answersKept));
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

  const answersTo = (key: PolicyKey): FormAnswers =>
    known.get(key)?.answers?.[current.get(key)?.hash ?? ''] ?? noAnswers;

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
    accept(key, hash, by): Form | undefined {
      const form = current.get(key);
      if (form?.kind !== 'TrafficPolicy' || form.hash !== hash) return undefined;
      const verdict = verdictOf(key);
      const before = verdict.answers?.[hash] ?? noAnswers;
      const own = withAcceptance(before, by);
      const isLatest = verdict.accepted[0]?.hash === hash;
      if (own === before && isLatest) return undefined;
      const wasRejected = verdict.rejected[hash] !== undefined;
      if (wasRejected && !isLifted(own)) return undefined;
      const others = verdict.accepted.filter((other) => other.hash !== hash);
      const accepted = [form, ...others].slice(0, acceptedKept);
      // Only forms that may still be wanted are kept: the rejections of older texts are history.
      const kept = Object.entries(verdict.answers ?? {}).filter(([of]) =>
        others.some((other) => other.hash === of),
      );
      const answers = { [hash]: own, ...Object.fromEntries(kept) };
      const next: PolicyVerdict = { key, accepted, rejected: {}, answers };
      // Two, of whom one at least is not who refuses it to a later control plane; who else accepts
      // what nobody refuses is not worth a write.
      const isEnough = countAccepting(before) > 1 || countAccepting(own) === countAccepting(before);
      if (isLatest && own.refused.length === 0 && isEnough) known.set(key, next);
      else remember(next);
      return wasRejected ? form : undefined;
    },
    refuse(key, hash, refusal): boolean {
      if (current.get(key)?.hash !== hash) return false;
      const verdict = verdictOf(key);
      const { [hash]: before = noAnswers, ...others } = verdict.answers ?? {};
      const own = withRefusal(before, refusal);
      if (own === before) return false;
      const former = Object.entries(others).slice(0, answersKept - 1);
      remember({ ...verdict, answers: { [hash]: own, ...Object.fromEntries(former) } });
      return true;
    },
    answers: answersTo,
    reject(key, hash, message): Form | undefined {
      const verdict = verdictOf(key);
      if (verdict.rejected[hash] !== undefined) return undefined;
      remember({
        ...verdict,
        accepted: verdict.accepted.filter((form) => form.hash !== hash),
        rejected: { ...verdict.rejected, [hash]: message },
      });
      return current.get(key)?.hash === hash ? effective(key) : undefined;
    },
    learn(verdict): Form | undefined {
      const { key } = verdict;
      const before = effective(key);
      const { accepted, ...merged } = mergeJudgements(verdict, verdictOf(key));
      const next = { ...merged, key, accepted: accepted.slice(0, acceptedKept) };
      known.set(key, next);
      // The other has heard of a refusal, and not of what speaks against it.
      const theirs = verdict.answers?.[current.get(key)?.hash ?? ''] ?? noAnswers;
      if (isInDoubt(theirs) && !isInDoubt(answersTo(key))) store.save(next);
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
    isRefused: (key, hash) =>
      current.get(key)?.hash === hash &&
      (verdictOf(key).rejected[hash] !== undefined || standingRefusals(answersTo(key)).length > 0),
    diagnostics(): readonly Diagnostic[] {
      const found: Diagnostic[] = [];
      for (const [key, form] of current) {
        const verdict = known.get(key);
        if (verdict === undefined) continue;
        const message = verdict.rejected[form.hash];
        if (message !== undefined) {
          found.push(rejectedDiagnostic(form, message, verdict.accepted.length > 0));
          continue;
        }
        const refused = standingRefusals(answersTo(key));
        if (refused.length > 0) found.push(refusedDiagnostic(form, refused));
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

function refOf({ namespace, name }: Form): ObjectRef {
  return { group: 'skerry.dev', kind: 'TrafficPolicy', namespace, name };
}

/** Some refuse it for themselves alone. */
function refusedDiagnostic(form: Form, refused: readonly FormRefusal[]): Diagnostic {
  const said = refused.map(({ identity, message }) => `${identity} (${message})`).join(', ');
  return {
    code: 'Rejected',
    severity: 'warning',
    object: refOf(form),
    field: 'spec',
    message: `in force, but refused by sidecars of ${said}, which keep what they accepted last`,
    remedy:
      'read Envoy’s message, and look with `skerry proxies` who refuses and who accepts: a form that others accept is held back by no single identity',
  };
}

function rejectedDiagnostic(form: Form, message: string, hasGoodForm: boolean): Diagnostic {
  return {
    code: 'Rejected',
    severity: 'error',
    object: refOf(form),
    field: 'spec',
    message: `a sidecar refused the configuration made from this object: ${message}`,
    remedy: hasGoodForm
      ? diagnosticCodes.Rejected.remedy
      : 'read Envoy’s message and change the field it speaks of; no good form is known, so its targets admit nobody where it spoke of authorization, and are Strict where it spoke of mtls',
  };
}
