/** Gathers file names until the file system is quiet, and works them off one batch at a time. Holds state: both. */
import type { Clock } from '../../lib/index.js';

/** What to read: some files, or all there are. */
export interface Work {
  readonly files: ReadonlySet<string>;
  readonly isAll: boolean;
}

/** A queue of file names, each at most once. */
export interface Batcher {
  add(file: string): void;
  addAll(): void;
  /** Works off everything at once; resolves when that is done, rejects when it fails. */
  runNow(): Promise<void>;
  /** Resolves when the batch under way is done; nothing is taken any more. */
  stop(): Promise<void>;
}

/** An empty queue. */
export function createBatcher(options: {
  readonly clock: Clock;
  /** A batch starts when nothing was added for this long. */
  readonly quietMs: number;
  /** But at the latest so long after the first addition. */
  readonly longestWaitMs: number;
  readonly run: (work: Work) => Promise<void>;
  readonly onError: (error: unknown) => void;
}): Batcher {
  const { clock, quietMs, longestWaitMs } = options;
  let files = new Set<string>();
  let isAll = false;
  let firstAt: number | undefined;
  let cancel = (): void => undefined;
  let running: Promise<void> | undefined;
  let isStopped = false;

  const take = async (): Promise<void> => {
    const work = { files, isAll };
    files = new Set();
    isAll = false;
    firstAt = undefined;
    await options.run(work);
  };
  const begin = (): void => {
    if (isStopped || running !== undefined) return;
    running = take()
      .catch(options.onError)
      .finally(() => {
        running = undefined;
        if (files.size > 0 || isAll) schedule();
      });
  };
  const schedule = (): void => {
    if (isStopped) return;
    const now = clock.now();
    firstAt ??= now;
    cancel();
    cancel = clock.after(Math.max(0, Math.min(quietMs, firstAt + longestWaitMs - now)), begin);
  };
  return {
    add: (file) => {
      files.add(file);
      schedule();
    },
    addAll: () => {
      isAll = true;
      schedule();
    },
    runNow: async () => {
      isAll = true;
      cancel();
      await running;
      running = take().finally(() => {
        running = undefined;
        if (files.size > 0 || isAll) schedule();
      });
      await running;
    },
    stop: async () => {
      isStopped = true;
      cancel();
      await running?.catch(() => undefined);
    },
  };
}
