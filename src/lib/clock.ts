/** Time as a value that tests can hold still. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Runs `task` once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, task: () => void): () => void;
}

/** Node makes a millisecond of what is longer (https://nodejs.org/api/timers.html#settimeoutcallback-delay-args). */
const longestTimerMs = 2 ** 31 - 1;

/** The machine's own clock; its timers never keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after: (delayMs, task) => {
    let timer: NodeJS.Timeout;
    const wait = (restMs: number): void => {
      const nextMs = Math.min(restMs, longestTimerMs);
      timer = setTimeout(() => {
        if (restMs > nextMs) wait(restMs - nextMs);
        else task();
      }, nextMs);
      timer.unref();
    };
    // Of a timer with a fraction that is cancelled Node keeps the list until it would have run
    // (it files lists by whole milliseconds and looks for the fraction); some here run for hours.
    wait(Math.ceil(delayMs));
    return () => {
      // A list of which the last timer is cancelled goes at once only where that one was referenced;
      // else it stays until it would have run, and each odd number of milliseconds has a list.
      timer.ref();
      clearTimeout(timer);
    };
  },
};
