/** Lets a bounded number of tasks run at once, so that a storm of connections is taken in slices. */
import { createTurnstile } from './turnstile.js';

/** Runs tasks in the order of arrival. */
export interface Gate {
  /** Resolves as the task does; undefined, without running it, when too many wait already. */
  run<T>(task: () => Promise<T>): Promise<T | undefined>;
  /** Tasks that wait for their turn. */
  queued(): number;
}

/**
 * A gate; `defer` runs its argument after the event loop has had a turn. One task begins in each turn,
 * also where places are free: what takes no time to wait for leaves its place at once, and a hundred
 * certificates signed at a stretch would hold up everybody's changes.
 */
export function createGate(options: {
  readonly limit: number;
  readonly maxQueued: number;
  readonly defer: (task: () => void) => void;
}): Gate {
  const queue: (() => void)[] = [];
  // Those that have a place, but have not begun.
  const ready = createTurnstile(options.defer);
  let running = 0;

  const leave = (): void => {
    const next = queue.shift();
    if (next === undefined) {
      running -= 1;
      return;
    }
    ready.add(next);
  };

  const enter = (): Promise<void> =>
    new Promise((resolve) => {
      if (running < options.limit) {
        running += 1;
        ready.add(resolve);
      } else queue.push(resolve);
    });

  return {
    run: async (task) => {
      if (running >= options.limit && queue.length >= options.maxQueued) return undefined;
      await enter();
      try {
        return await task();
      } finally {
        leave();
      }
    },
    queued: () => queue.length,
  };
}
