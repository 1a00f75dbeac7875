/**
 * Writes statuses by server-side apply: those asked for, one at a time for each object, at most once
 * a second each, and never faster than an API server likes. Mutable state: what is asked for.
 */
import { backoffDelayMs, type Clock, type Logger } from '../../../lib/index.js';
import type { PolicyKey } from '../../../model/index.js';
import {
  KubernetesApiError,
  leaderWriteTimeoutMs,
  type KubernetesClient,
} from '../../../sources/index.js';
import type { PolicyObject } from './policy-objects.js';
import type { PolicyStatus } from './policy-status.js';

/** What is to be done about a status at the moment. */
export type Evaluation =
  /** It is right, or there is no such policy. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'later'; readonly atMs: number }
  | { readonly kind: 'write'; readonly object: PolicyObject; readonly status: PolicyStatus };

/** What the queue needs. */
export interface StatusQueueOptions {
  readonly client: Pick<KubernetesClient, 'send'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  /** Asked right before each write. */
  readonly mayWrite: () => boolean;
  /** Asked right before each write, so that what is written is true then. */
  readonly evaluate: (key: PolicyKey, lastWriteMs: number) => Evaluation;
  /** The object as a write has left it. */
  readonly onWritten: (object: unknown) => void;
}

/** The queue; it holds each policy once, so that it is bounded by their number. */
export interface StatusQueue {
  /** Has the status of a policy looked at soon; `isUrgent`: before those that are not. */
  request(key: PolicyKey, options?: { readonly isUrgent: boolean }): void;
  forget(key: PolicyKey): void;
  /** Begins to work on what is asked for from now on. */
  open(): void;
  /** Forgets what is asked for; resolves when nothing is being written. */
  close(): Promise<void>;
  lastWriteMs(): number | undefined;
}

/** What happens together is written together: most sidecars follow a change within this. */
const gatherMs = 250;
/** Between two writes to one object. */
const objectPaceMs = 1_000;
const maxRestMs = 60_000;
/** Between two looks that find nothing to write. */
const lookPaceMs = 500;
/** Between two writes to any: 100 a second. */
const paceMs = 10;
const maxAtOnce = 8;
/** Looking at many statuses, of which few are written, must not hold up the event loop. */
const sliceMs = 10;
const retry = { baseMs: 1_000, maxMs: 30_000 };

interface Entry {
  readonly dueMs: number;
  readonly isUrgent: boolean;
}

interface Written {
  /** The status as text. */
  readonly text: string;
  /** How often it was written in a row: somebody else keeps changing it back. */
  readonly repeats: number;
  readonly atMs: number;
  readonly nextAtMs: number;
  /** In a row. */
  readonly failures: number;
}

const longAgo = Number.NEGATIVE_INFINITY;
const never: Written = { text: '', repeats: 0, atMs: longAgo, nextAtMs: longAgo, failures: 0 };

/** The API server has a problem, and not with this one object (which some webhook may refuse). */
function isGeneral({ status }: KubernetesApiError): boolean {
  return status === 0 || status === 401 || status === 429 || status === 503;
}

/** What is about to be written, after what was written before. */
function writing(former: Written, status: PolicyStatus, nowMs: number): Written {
  const text = JSON.stringify(status);
  const repeats = text === former.text ? former.repeats + 1 : 0;
  // Nobody is fought at full speed.
  const restMs = Math.min(objectPaceMs * 2 ** repeats, maxRestMs);
  return { ...former, text, repeats, atMs: nowMs, nextAtMs: nowMs + restMs };
}

/** A queue that is closed. */
export function createStatusQueue(options: StatusQueueOptions): StatusQueue {
  const { client, clock, logger, random } = options;
  const entries = new Map<PolicyKey, Entry>();
  const written = new Map<PolicyKey, Written>();
  const running = new Map<PolicyKey, Promise<void>>();
  let isOpen = false;
  let nextAtMs = Number.NEGATIVE_INFINITY;
  let troubles = 0;
  let lastWriteMs: number | undefined;
  let wakeAtMs = Infinity;
  let cancel = (): void => undefined;

  const wake = (atMs: number): void => {
    if (!isOpen || atMs >= wakeAtMs) return;
    wakeAtMs = atMs;
    cancel();
    cancel = clock.after(Math.max(0, atMs - clock.now()), () => {
      wakeAtMs = Infinity;
      pump();
    });
  };
  const enter = (key: PolicyKey, dueMs: number, isUrgent: boolean): void => {
    const former = entries.get(key);
    entries.set(key, {
      dueMs: Math.min(former?.dueMs ?? Infinity, dueMs),
      isUrgent: isUrgent || former?.isUrgent === true,
    });
    wake(dueMs);
  };

  const send = async (
    { namespace, name, uid }: PolicyObject,
    status: PolicyStatus,
  ): Promise<void> => {
    const answer = await client.send({
      method: 'PATCH',
      path: `/apis/skerry.dev/v1alpha1/namespaces/${namespace}/trafficpolicies/${name}/status`,
      query: { fieldManager: 'skerry-status', force: 'true' },
      contentType: 'application/apply-patch+yaml',
      timeoutMs: leaderWriteTimeoutMs,
      body: {
        apiVersion: 'skerry.dev/v1alpha1',
        kind: 'TrafficPolicy',
        // With the uid: another object of that name is left alone.
        metadata: { namespace, name, uid },
        status,
      },
    });
    lastWriteMs = clock.now();
    options.onWritten(answer);
  };
  const failed = (key: PolicyKey, error: unknown): void => {
    if (error instanceof KubernetesApiError && isGeneral(error)) {
      const waitMs = Math.max(
        (error.retryAfterSeconds ?? 0) * 1000,
        backoffDelayMs(troubles, retry, random),
      );
      if (troubles === 0) logger.warn('statuses of policies cannot be written', { error });
      troubles += 1;
      nextAtMs = clock.now() + waitMs;
      enter(key, nextAtMs, true);
      return;
    }
    const former = written.get(key) ?? never;
    const atMs = clock.now() + backoffDelayMs(former.failures, retry, random);
    written.set(key, { ...former, nextAtMs: atMs, failures: former.failures + 1 });
    // It is gone, or another has its name: the watch will say.
    const isGone = error instanceof KubernetesApiError && [404, 409].includes(error.status);
    if (!isGone) logger.error('the status of a policy was refused', { policy: key, error });
    enter(key, atMs, false);
  };
  const write = async (
    key: PolicyKey,
    object: PolicyObject,
    status: PolicyStatus,
  ): Promise<void> => {
    try {
      await send(object, status);
      troubles = 0;
      written.set(key, { ...(written.get(key) ?? never), failures: 0 });
    } catch (error) {
      failed(key, error);
    }
    running.delete(key);
    wake(clock.now());
  };

  /** Returns whether something is written. */
  const work = (key: PolicyKey): boolean => {
    const isUrgent = entries.get(key)?.isUrgent === true;
    entries.delete(key);
    const former = written.get(key) ?? never;
    const evaluation = options.evaluate(key, former.atMs);
    switch (evaluation.kind) {
      case 'nothing':
        written.set(key, {
          ...former,
          nextAtMs: Math.max(former.nextAtMs, clock.now() + lookPaceMs),
        });
        return false;
      case 'later':
        enter(key, evaluation.atMs, isUrgent);
        return false;
      case 'write':
        written.set(key, writing(former, evaluation.status, clock.now()));
        running.set(key, write(key, evaluation.object, evaluation.status));
        return true;
    }
  };
  const dueKeys = (now: number): readonly PolicyKey[] => {
    const urgent: PolicyKey[] = [];
    const others: PolicyKey[] = [];
    for (const [key, { dueMs, isUrgent }] of entries) {
      if (dueMs <= now && !running.has(key)) (isUrgent ? urgent : others).push(key);
    }
    return [...urgent, ...others];
  };
  const pump = (): void => {
    if (!isOpen) return;
    const startMs = clock.now();
    const endMs = performance.now() + sliceMs;
    for (const key of dueKeys(startMs)) {
      if (running.size >= maxAtOnce) break;
      if (!options.mayWrite()) {
        // The term is about to end, or the Lease to be renewed.
        nextAtMs = startMs + objectPaceMs;
        break;
      }
      if (performance.now() > endMs || clock.now() < nextAtMs) break;
      if (work(key)) nextAtMs = Math.max(nextAtMs, clock.now()) + paceMs;
    }
    schedule(startMs);
  };
  const schedule = (now: number): void => {
    let earliest = Infinity;
    for (const [key, { dueMs }] of entries) {
      if (!running.has(key)) earliest = Math.min(earliest, dueMs);
    }
    // A write that ends wakes it too.
    if (earliest === Infinity || running.size >= maxAtOnce) return;
    wake(Math.max(earliest, nextAtMs, now + 1));
  };

  return {
    request(key, { isUrgent } = { isUrgent: false }): void {
      if (!isOpen) return;
      const { nextAtMs: own } = written.get(key) ?? never;
      enter(key, Math.max(clock.now() + gatherMs, own), isUrgent);
    },
    forget(key): void {
      entries.delete(key);
      written.delete(key);
    },
    open(): void {
      isOpen = true;
    },
    async close(): Promise<void> {
      isOpen = false;
      cancel();
      wakeAtMs = Infinity;
      entries.clear();
      await Promise.all(running.values());
    },
    lastWriteMs: () => lastWriteMs,
  };
}
