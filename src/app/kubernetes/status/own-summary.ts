/** Writes this replica's summary, soon after it changes and now and then to show that it is alive. Mutable state. */
import { backoffDelayMs, type Clock, type Logger } from '../../../lib/index.js';
import type { KubernetesClient } from '../../../sources/index.js';
import { summaryName, summaryObject } from './summary-object.js';
import type { ReplicaSummary } from './summary.js';

/** What the writer needs. */
export interface OwnSummaryOptions {
  readonly client: Pick<KubernetesClient, 'send'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  readonly namespace: string;
  readonly replica: string;
  /** What is true now, asked right before a write. */
  readonly make: () => ReplicaSummary;
}

/** The writer. */
export interface OwnSummary {
  start(): void;
  /** It has changed: it is written soon. */
  changed(): void;
  /** Removes it, so that nobody counts on this replica any more. */
  stop(): Promise<void>;
}

/** Others count this replica as gone when they have not heard of it for so long. */
export const silentMs = 15_000;
const heartbeatMs = 5_000;
/** What happens together is written together. */
const gatherMs = 200;
/** Between two writes. */
const paceMs = 1_000;
const requestTimeoutMs = 4_000;
const retry = { baseMs: 500, maxMs: 5_000 };

/** A writer that has not written yet. */
export function createOwnSummary(options: OwnSummaryOptions): OwnSummary {
  const { client, clock, logger, random, namespace, replica } = options;
  const path = `/api/v1/namespaces/${namespace}/configmaps/${summaryName(replica)}`;
  const ending = new AbortController();
  let beat = 0;
  let lastAtMs = Number.NEGATIVE_INFINITY;
  let failures = 0;
  let isRunning = false;
  let dueMs = Infinity;
  /** A write follows the one under way. */
  let isNext = false;
  let cancel = (): void => undefined;
  let writing = Promise.resolve();

  const hasEnded = (): boolean => ending.signal.aborted;
  const write = async (): Promise<void> => {
    beat += 1;
    await client.send({
      ...{ method: 'PATCH', path, timeoutMs: requestTimeoutMs, signal: ending.signal },
      contentType: 'application/apply-patch+yaml',
      query: { fieldManager: 'skerry-replica', force: 'true' },
      body: summaryObject(options.make(), { namespace, beat }),
    });
  };
  const attempt = async (): Promise<void> => {
    isNext = false;
    if (hasEnded()) return;
    lastAtMs = clock.now();
    try {
      await write();
      failures = 0;
      arrange(lastAtMs + heartbeatMs);
    } catch (error) {
      if (hasEnded()) return;
      // Once for each time it is away.
      if (failures === 0) logger.warn('the summary of this replica cannot be written', { error });
      arrange(clock.now() + backoffDelayMs(failures, retry, random));
      failures += 1;
    }
  };
  const arrange = (atMs: number): void => {
    if (hasEnded() || atMs >= dueMs) return;
    dueMs = atMs;
    cancel();
    cancel = clock.after(Math.max(0, atMs - clock.now()), () => {
      dueMs = Infinity;
      // One after another, and at most one that waits for the one before it.
      if (isNext) return;
      isNext = true;
      writing = writing.then(attempt);
    });
  };

  return {
    start(): void {
      isRunning = true;
      arrange(clock.now());
    },
    changed(): void {
      // What failed is tried again by itself, and with what is true by then.
      if (!isRunning || failures > 0) return;
      arrange(Math.max(clock.now() + gatherMs, lastAtMs + paceMs));
    },
    async stop(): Promise<void> {
      const hasWritten = beat > 0;
      ending.abort();
      cancel();
      await writing;
      if (!hasWritten) return;
      // It is forgotten by itself when this fails.
      await client
        .send({ method: 'DELETE', path, timeoutMs: requestTimeoutMs })
        .catch(() => undefined);
    },
  };
}
