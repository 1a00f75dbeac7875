/** Waiting between tries: exponential, jittered, and ended at once by a signal. */
import type { Clock } from './clock.js';

/** Bounds of the waits. */
export interface Backoff {
  /** Upper end of the first wait. */
  readonly baseMs: number;
  /** Upper end of every wait. */
  readonly maxMs: number;
}

/**
 * The wait before try `attempt` (0: the first repetition): between half and all of
 * `min(maxMs, baseMs · 2^attempt)`, in whole milliseconds, so that many who failed together do not
 * return together and none returns at once. `random` yields numbers from 0 up to but not 1.
 */
export function backoffDelayMs(attempt: number, backoff: Backoff, random: () => number): number {
  const ceiling = Math.min(backoff.maxMs, backoff.baseMs * 2 ** attempt);
  return Math.round(ceiling / 2 + (ceiling / 2) * random());
}

/** Resolves after `delayMs`; rejects with the signal's reason as soon as it is aborted. */
export function wait(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(reasonOf(signal));
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(reasonOf(signal));
    };
    const cancel = clock.after(delayMs, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error
    ? signal.reason
    : new Error('aborted', { cause: signal.reason });
}
