/** Waiting for a call, or for a time to pass. Holds state: whether somebody has called meanwhile. */
import type { Clock } from '../lib/index.js';

/** A sleeper. */
export interface Wake {
  /** Ends the sleep, or keeps the next one from beginning. */
  call(): void;
  /** Resolves to `called`, or after `delayMs` to `late`; rejects when the signal is aborted. */
  sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<'called' | 'late'>;
}

/** One sleeper, for one that sleeps. */
export function createWake(): Wake {
  let isCalled = false;
  let rouse: () => void = () => undefined;
  return {
    call: () => {
      isCalled = true;
      rouse();
    },
    sleep: async (clock, delayMs, signal) => {
      signal.throwIfAborted();
      if (!isCalled) {
        await new Promise<void>((resolve) => {
          const cancel = clock.after(delayMs, resolve);
          rouse = () => {
            cancel();
            resolve();
          };
          signal.addEventListener('abort', rouse, { once: true });
        });
        signal.removeEventListener('abort', rouse);
      }
      signal.throwIfAborted();
      const outcome = isCalled ? 'called' : 'late';
      isCalled = false;
      return outcome;
    },
  };
}
