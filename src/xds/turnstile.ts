/** Begins tasks one in each turn of the event loop, so that many at once do not hold it. Mutable state. */

/** Lets tasks pass one by one. */
export interface Turnstile {
  /** Puts a task in line; it begins in a later turn of the event loop. */
  add(task: () => void): void;
}

/** A turnstile; `defer` runs its argument after the event loop has had a turn. */
export function createTurnstile(defer: (task: () => void) => void): Turnstile {
  // A turn is on its way as long as it holds something.
  const waiting: (() => void)[] = [];
  const beginLater = (): void => {
    defer(() => {
      const task = waiting.shift();
      // Before the task, which may throw.
      if (waiting.length > 0) beginLater();
      task?.();
    });
  };
  return {
    add: (task) => {
      waiting.push(task);
      if (waiting.length === 1) beginLater();
    },
  };
}
