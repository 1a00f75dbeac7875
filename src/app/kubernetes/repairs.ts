/** Brings objects back to what they should be, one at a time for each, again later when that fails. Mutable state. */
import { backoffDelayMs, type Clock } from '../../lib/index.js';

/** What came of one try. */
export type RepairOutcome = 'right' | 'written';

/** What the repairs are made with. */
export interface RepairsOptions {
  readonly clock: Clock;
  /** Numbers in [0, 1), for the spread of retries. */
  readonly random: () => number;
  /** False: nothing is done, and what was asked for is forgotten, as another replica does it. */
  readonly mayWrite: () => boolean;
  /** Looks at what `key` names and mends it; rejects when it cannot. */
  readonly repair: (key: string, signal: AbortSignal) => Promise<RepairOutcome>;
  readonly onFailure: (key: string, error: unknown) => void;
}

/** The repairs. */
export interface Repairs {
  /** Has `key` looked at soon; at once where nothing was written to it lately. */
  request(key: string): void;
  /** Ends after what is under way. */
  stop(): Promise<void>;
}

interface Task {
  /** Writes and failures in a row, which make the next one wait. */
  attempts: number;
  lastAtMs: number;
  state: 'idle' | 'waiting' | 'running';
  cancel: () => void;
}

const maxAtOnce = 8;
/** Somebody who keeps undoing a repair is not fought at full speed. */
const backoff = { baseMs: 500, maxMs: 30_000 };
/** A key at rest for this long starts over. */
const calmMs = 60_000;

/** Nothing to mend yet. The keys are bounded by the caller: namespaces, or names of our own. */
export function createRepairs(options: RepairsOptions): Repairs {
  const { clock, random, mayWrite } = options;
  const tasks = new Map<string, Task>();
  const ready: string[] = [];
  /** Asked for again while they ran. */
  const again = new Set<string>();
  const ending = new AbortController();
  const running = new Set<Promise<void>>();

  const run = async (key: string, task: Task): Promise<void> => {
    task.state = 'running';
    again.delete(key);
    let hasFailed = false;
    let isCostly = false;
    try {
      isCostly = mayWrite() && (await options.repair(key, ending.signal)) === 'written';
    } catch (error) {
      hasFailed = true;
      isCostly = true;
      if (!ending.signal.aborted) options.onFailure(key, error);
    }
    if (isCostly) {
      task.attempts += 1;
      task.lastAtMs = clock.now();
    }
    task.state = 'idle';
    if (again.delete(key) || hasFailed) request(key);
  };

  const pump = (): void => {
    while (running.size < maxAtOnce) {
      const key = ready.shift();
      const task = key === undefined ? undefined : tasks.get(key);
      if (key === undefined || task === undefined) return;
      const one = run(key, task).finally(() => {
        running.delete(one);
        if (task.state === 'idle' && clock.now() - task.lastAtMs > calmMs) tasks.delete(key);
        pump();
      });
      running.add(one);
    }
  };

  const request = (key: string): void => {
    if (ending.signal.aborted) return;
    const task = tasks.get(key) ?? {
      attempts: 0,
      lastAtMs: Number.NEGATIVE_INFINITY,
      state: 'idle',
      cancel: (): void => undefined,
    };
    tasks.set(key, task);
    if (task.state === 'running') again.add(key);
    if (task.state !== 'idle') return;
    const restedMs = clock.now() - task.lastAtMs;
    if (restedMs > calmMs) task.attempts = 0;
    // The first write in a while is followed by a look at its own echo, which must cost no wait.
    const delayMs = task.attempts === 0 ? 0 : backoffDelayMs(task.attempts - 1, backoff, random);
    task.state = 'waiting';
    const enter = (): void => {
      ready.push(key);
      pump();
    };
    if (delayMs <= restedMs) enter();
    else task.cancel = clock.after(delayMs - Math.max(0, restedMs), enter);
  };

  return {
    request,
    stop: async () => {
      ending.abort();
      for (const task of tasks.values()) task.cancel();
      ready.length = 0;
      await Promise.all(running);
    },
  };
}
