/**
 * What the status of one policy should be, from all that is known at the moment. Mutable state: whom
 * each policy reached the last time, and since when more sidecars are missing than its status says.
 */
import type { Clock } from '../../../lib/index.js';
import type { Diagnostic, PodKey, PolicyKey } from '../../../model/index.js';
import type { NamespaceSet, PolicyReach } from '../../../translators/index.js';
import type { Core } from '../../platform.js';
import { toAccepted } from './accepted.js';
import { countProxies, type Count } from './count-proxies.js';
import type { FleetView } from './fleet-view.js';
import { isAtLeast, type PolicyObject } from './policy-objects.js';
import { isTaken } from './taken.js';
import {
  conditionText,
  missingIn,
  saysTheSame,
  toStatus,
  type PolicyFacts,
  type PolicyStatus,
  type WouldDenyStatus,
} from './policy-status.js';
import type { Evaluation } from './status-queue.js';
import type { ReplicaSummary } from './summary.js';
import { createWouldDenySums } from './would-deny-sums.js';

/** Where it looks. */
export interface EvaluatorOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly core: Pick<Core, 'pipeline' | 'policies' | 'isTurned'>;
  readonly object: (key: PolicyKey) => PolicyObject | undefined;
  /** What the pipeline has found wrong with the form in force. */
  readonly diagnostics: (key: PolicyKey) => readonly Diagnostic[];
  readonly fleet: () => FleetView;
  /** Of this replica first, then of the others that are there. */
  readonly summaries: () => readonly ReplicaSummary[];
}

/** The evaluator. */
export interface Evaluator {
  evaluate(key: PolicyKey, lastWriteMs: number): Evaluation;
  /** Policies that are to be looked at again when sidecars come further. */
  unsettled(): readonly PolicyKey[];
  /** Policies whose callers are in one of these namespaces, or that reached one of these pods by itself. */
  concerning(pods: readonly PodKey[], namespaces: ReadonlySet<string>): readonly PolicyKey[];
  forget(key: PolicyKey): void;
  /** Forgets everything: another replica leads. */
  clear(): void;
}

/** More sidecars missing, and no new generation: reported when it lasts, as most reconnect at once. */
const patienceMs = 15_000;
/** Counts alone, as pods come and go, are written no more often. */
const countsPaceMs = 5_000;
/** The pipeline is about to turn. */
const turnMs = 20;

interface Known {
  readonly reach: PolicyReach;
  /** Whom it reached before, until they have let go. */
  readonly former: PolicyReach | undefined;
  readonly isSettled: boolean;
  readonly missingSinceMs: number | undefined;
}

/** An evaluator that knows nothing of before. */
export function createEvaluator(options: EvaluatorOptions): Evaluator {
  const { clock, core } = options;
  const { policies, pipeline } = core;
  const known = new Map<PolicyKey, Known>();
  const sums = createWouldDenySums();

  const count = (object: PolicyObject, isNowhere: boolean): Count => {
    const { key } = object;
    const former = known.get(key);
    const reach = pipeline.reach(key);
    const before =
      former === undefined || isSameReach(former.reach, reach)
        ? former?.former
        : (former.former ?? former.reach);
    const [own] = options.summaries();
    const counted = countProxies(
      {
        ...{ policy: key, hash: object.form?.hash ?? '', reach, former: before, isNowhere },
        isKnownTo: (summary) =>
          summary === own || isAtLeast(summary.policiesVersion, object.specVersion),
      },
      options.fleet(),
      options.summaries(),
    );
    known.set(key, {
      reach,
      former: counted.isFormerHeld ? before : undefined,
      isSettled: !counted.isWaiting,
      missingSinceMs: former?.missingSinceMs,
    });
    return counted;
  };

  const isInForce = ({ key, form, isGood }: PolicyObject): boolean => {
    const inForce = policies.inForce(key);
    return isGood && inForce?.hash === form?.hash && inForce?.kind === form?.kind;
  };
  const findings = (object: PolicyObject): readonly Diagnostic[] => {
    const { key, isGood, diagnostics } = object;
    const ofForm = options.diagnostics(key);
    if (isInForce(object)) return [...diagnostics, ...ofForm];
    // What an older form is like says nothing of this one.
    return isGood
      ? diagnostics
      : [...diagnostics, ...ofForm.filter(({ code }) => code === 'FailedClosed')];
  };
  const insteadOf = (object: PolicyObject): PolicyFacts['instead'] => {
    if (isInForce(object)) return undefined;
    return policies.inForce(object.key)?.kind === 'TrafficPolicy' ? 'last good form' : 'closed';
  };
  /** Who refused first; once said it stays, for as long as it is true. */
  const firstRejection = (object: PolicyObject, counted: Count): PolicyFacts['firstRejection'] => {
    const { key, form, isGood, status, generation } = object;
    if (!isGood) return undefined;
    const message = policies.refusalOf(key);
    if (message === undefined && counted.refusing.length === 0) return undefined;
    const said = status?.observedGeneration === generation ? status.firstRejection : undefined;
    if (said?.proxy !== undefined) return { proxy: said.proxy, message: said.message };
    const [first] = options
      .summaries()
      .flatMap(({ refused }) => refused.get(key) ?? [])
      .filter(({ hash }) => hash === form?.hash)
      .sort((a, b) => (a.first < b.first ? -1 : 1));
    if (first !== undefined) return { proxy: first.first, message: first.message };
    return message === undefined ? undefined : { message };
  };

  /** Counted only while the newest form is the one that counts. */
  const wouldDenyOf = (object: PolicyObject): WouldDenyStatus | undefined => {
    const { key, form, generation, status } = object;
    if (form?.kind !== 'TrafficPolicy' || form.mode !== 'Audit' || !isInForce(object)) {
      sums.forget(key);
      return undefined;
    }
    const { hash } = form;
    const told = new Map(
      options.summaries().flatMap(({ replica, wouldDeny }) => {
        const counted = wouldDeny.get(key);
        return counted?.hash === hash ? [[replica, counted] as const] : [];
      }),
    );
    const former = status?.observedGeneration === generation ? status.wouldDeny : undefined;
    return sums.add(key, hash, told, former);
  };

  const factsOf = (object: PolicyObject): PolicyFacts => {
    const { form, generation, target, mode } = object;
    const instead = insteadOf(object);
    const counted = count(object, instead !== undefined);
    const rejection = firstRejection(object, counted);
    const wouldDeny = wouldDenyOf(object);
    // Whoever knew them may be gone; the one that is named is one at least.
    const rejected = Math.max(counted.rejected, rejection?.proxy === undefined ? 0 : 1);
    return {
      ...{ generation, target, mode, instead, firstRejection: rejection },
      accepted: toAccepted(
        findings(object),
        form?.kind === 'TrafficPolicy' ? form.targets.length : 0,
      ),
      counts: { ...counted, rejected },
      ...(wouldDeny !== undefined && { wouldDeny }),
    };
  };

  /** When a status that only counts fewer may be written; undefined: now. */
  const heldUntil = (
    { key, status: former }: PolicyObject,
    next: PolicyStatus,
    lastWriteMs: number,
  ): number | undefined => {
    const entry = known.get(key);
    const isOfSame =
      former?.observedGeneration === next.observedGeneration &&
      conditionText(former, 'Accepted') === conditionText(next, 'Accepted');
    const isRejected = next.firstRejection !== undefined;
    const isWorse = former !== undefined && missingIn(next) > missingIn(former);
    const missingSinceMs =
      isOfSame && isWorse && !isRejected ? (entry?.missingSinceMs ?? clock.now()) : undefined;
    if (entry !== undefined) known.set(key, { ...entry, missingSinceMs });
    if (missingSinceMs !== undefined && clock.now() < missingSinceMs + patienceMs) {
      return missingSinceMs + patienceMs;
    }
    const isCountsOnly =
      isOfSame &&
      conditionText(former, 'Programmed') === conditionText(next, 'Programmed') &&
      former?.firstRejection?.message === next.firstRejection?.message;
    const dueMs = lastWriteMs + countsPaceMs;
    return isCountsOnly && clock.now() < dueMs ? dueMs : undefined;
  };

  return {
    evaluate(key, lastWriteMs): Evaluation {
      const object = options.object(key);
      if (object === undefined) return { kind: 'nothing' };
      if (!isTaken(object, core)) return { kind: 'later', atMs: clock.now() + turnMs };
      const status = toStatus(factsOf(object), object.status, clock.now());
      const atMs = heldUntil(object, status, lastWriteMs);
      if (saysTheSame(object.status, status)) return { kind: 'nothing' };
      return atMs === undefined ? { kind: 'write', object, status } : { kind: 'later', atMs };
    },
    unsettled: () => [...known].flatMap(([key, { isSettled }]) => (isSettled ? [] : [key])),
    concerning: (pods, namespaces) => [
      ...new Set([
        ...pods.flatMap((pod) => pipeline.policiesOf(pod)),
        ...[...known].flatMap(([key, { reach }]) =>
          isConcerned(reach, pods, namespaces) ? [key] : [],
        ),
      ]),
    ],
    forget: (key) => {
      known.delete(key);
      sums.forget(key);
    },
    clear: () => {
      known.clear();
      sums.clear();
    },
  };
}

function isConcerned(
  reach: PolicyReach,
  pods: readonly PodKey[],
  namespaces: ReadonlySet<string>,
): boolean {
  const { callers } = reach;
  if (pods.some((pod) => reach.pods.includes(pod))) return true;
  return [...namespaces].some((one) => callers.namespaces.includes(one) !== callers.isAllBut);
}

function isSameReach(a: PolicyReach, b: PolicyReach): boolean {
  return isSameList(a.pods, b.pods) && isSameSet(a.callers, b.callers);
}

function isSameSet(a: NamespaceSet, b: NamespaceSet): boolean {
  return a.isAllBut === b.isAllBut && isSameList(a.namespaces, b.namespaces);
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, index) => one === b[index]);
}
