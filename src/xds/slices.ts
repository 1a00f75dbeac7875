/** Works through many streams without keeping the event loop. Mutable state; hot. */

/** Streams that have something to send. */
export interface Slices<T> {
  /** Puts `item` in line; one that waits already is not put twice. */
  add(item: T): void;
  delete(item: T): void;
  /** Goes on, after `mayRun` was false. */
  resume(): void;
}

/**
 * Runs `run` over the items added, up to `sliceMs` at a stretch, the rest after a turn of the loop.
 * While `mayRun` is false they wait, in the order in which they came.
 */
export function createSlices<T>(options: {
  run(item: T): void;
  defer(task: () => void): void;
  now(): number;
  mayRun(): boolean;
  readonly sliceMs: number;
}): Slices<T> {
  const waiting = new Set<T>();
  let isScheduled = false;

  const work = (): void => {
    isScheduled = false;
    const until = options.now() + options.sliceMs;
    // What is added meanwhile stands behind these: each waits once, all get their share.
    let left = waiting.size;
    for (const item of waiting) {
      if (!options.mayRun()) return;
      waiting.delete(item);
      options.run(item);
      left -= 1;
      if (left === 0 || options.now() >= until) break;
    }
    if (waiting.size > 0) schedule();
  };

  const schedule = (): void => {
    if (isScheduled || !options.mayRun()) return;
    isScheduled = true;
    options.defer(work);
  };

  return {
    add: (item) => {
      waiting.add(item);
      schedule();
    },
    delete: (item) => {
      waiting.delete(item);
    },
    resume: () => {
      if (waiting.size > 0) schedule();
    },
  };
}
