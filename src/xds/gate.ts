/** Lets a bounded number of tasks run at once, so that a storm of connections is taken in slices. */

/** Runs tasks in the order of arrival. */
export interface Gate {
  /** Resolves as the task does; undefined, without running it, when too many wait already. */
  run<T>(task: () => Promise<T>): Promise<T | undefined>;
  /** Tasks that wait for their turn. */
  queued(): number;
}

/** A gate; `defer` runs its argument after the event loop has had a turn. */
export function createGate(options: {
  readonly limit: number;
  readonly maxQueued: number;
  defer(task: () => void): void;
}): Gate {
  const queue: (() => void)[] = [];
  let running = 0;

  const leave = (): void => {
    const next = queue.shift();
    if (next === undefined) running -= 1;
    // A turn of the loop between tasks keeps ACKs and probes served.
    else options.defer(next);
  };

  const enter = (): Promise<void> => {
    if (running < options.limit) {
      running += 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => queue.push(resolve));
  };

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
