/** Keeps the plugin in place on one node, whatever others write, and mends pods that came too early. Holds state. */
import { watch, type FSWatcher } from 'node:fs';
import { systemClock, wait, type Clock, type Logger } from '../lib/index.js';
import { createMender } from './mend.js';
import { putInPlace, tidy, type NodeFolders } from './node-files.js';
import { createRedirector, useModulesOf } from './redirector.js';
import { readRuntime, type Runtime } from './runtime.js';
import { createWake, type Wake } from './wake.js';

/** What an installer works with. */
export interface InstallerOptions {
  readonly folders: NodeFolders;
  /** Folder of the runtime in the image. */
  readonly source: string;
  readonly logger: Logger;
  readonly clock?: Clock;
}

/** Whether pods that start now are redirected, and if not, why. */
export interface InstallerState {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

/** Counts since the start. */
export interface InstallerCounts {
  /** How often something that stood was put right. */
  readonly repairs: number;
  /** Pods redirected that had come before the plugin. */
  readonly mendedPods: number;
}

/** The plugin of one node. */
export interface Installer {
  /** Resolves after the first attempt, whatever came of it: see `state`. Rejects where the image is not whole. */
  start(): Promise<void>;
  state(): InstallerState;
  counts(): InstallerCounts;
  /** Ends watching; the node stays as it is. */
  stop(): Promise<void>;
}

// A tool that writes a file in several steps is done in this time; if not, the next event tells.
const debounceMs = 50;
// Nobody can make us write more often than this.
const pauseMs = 500;
// For what no event tells: file systems that have none, a limit of the kernel's that is reached.
const periodMs = 10_000;

/** Constructing does nothing. */
export function createInstaller(options: InstallerOptions): Installer {
  const { folders, logger } = options;
  const clock = options.clock ?? systemClock;
  const ended = new AbortController();
  const wake = createWake();
  const keeper = createKeeper(options);
  let watchers: readonly FSWatcher[] = [];
  let running: Promise<void> = Promise.resolve();

  const loop = async (runtime: Runtime): Promise<void> => {
    while (!ended.signal.aborted) {
      const outcome = await wake.sleep(clock, periodMs, ended.signal);
      if (outcome === 'called') await wait(clock, debounceMs, ended.signal);
      await keeper.check(runtime);
      // Not at once: a plugin that was started before the check may be of an earlier version.
      if (outcome === 'late') await keeper.tidy(runtime);
      else await wait(clock, pauseMs, ended.signal);
    }
  };
  return {
    start: async () => {
      const runtime = await readRuntime(options.source);
      useModulesOf(options.source);
      watchers = [folders.configurations, folders.binaries].flatMap((folder) =>
        watchFolder(folder, wake, logger),
      );
      await keeper.check(runtime);
      running = loop(runtime).catch((error: unknown) => {
        if (!ended.signal.aborted) throw error;
      });
    },
    state: () => keeper.state(),
    counts: () => keeper.counts(),
    stop: async () => {
      ended.abort();
      for (const watcher of watchers) watcher.close();
      await running;
    },
  };
}

/** Puts right and mends, and remembers what came of it. */
function createKeeper({ folders, source, logger }: InstallerOptions): {
  check(runtime: Runtime): Promise<void>;
  tidy(runtime: Runtime): Promise<void>;
  state(): InstallerState;
  counts(): InstallerCounts;
} {
  const mender = createMender({ folders, logger, redirector: createRedirector(source) });
  let problem: string | undefined = 'the plugin is being installed';
  let hasStood = false;
  let counts: InstallerCounts = { repairs: 0, mendedPods: 0 };
  return {
    check: async (runtime) => {
      const done = await putInPlace(folders, runtime);
      if (!done.ok) {
        if (done.error !== problem) logger.warn('pods are not redirected', { reason: done.error });
        problem = done.error;
        return;
      }
      if (problem !== undefined) logger.info('pods that start now are redirected');
      problem = undefined;
      if (hasStood && done.value.length > 0) {
        logger.info('put right what had been changed', { what: done.value });
        counts = { ...counts, repairs: counts.repairs + 1 };
      }
      hasStood = true;
      counts = { ...counts, mendedPods: counts.mendedPods + (await mender.mend()) };
    },
    tidy: async (runtime) => {
      await tidy(folders, runtime).catch((error: unknown) => {
        logger.warn('cannot remove what is no longer needed', { error });
      });
    },
    state: () => ({
      ready: problem === undefined,
      reasons: problem === undefined ? [] : [problem],
    }),
    counts: () => counts,
  };
}

/** Empty where the kernel has no watch left: the periodic look stays. */
function watchFolder(folder: string, wake: Wake, logger: Logger): readonly FSWatcher[] {
  try {
    const watcher = watch(folder, () => {
      wake.call();
    });
    watcher.on('error', (error) => {
      logger.warn('a folder is no longer watched', { folder, error });
    });
    return [watcher];
  } catch (error) {
    logger.warn('a folder cannot be watched', { folder, error });
    return [];
  }
}
