/** A directory of YAML as a source: read, watched, last good forms kept. Holds state: what is yet to be read. */
import { join, relative, sep } from 'node:path';
import type { Clock } from '../../lib/index.js';
import type { SourceBatch } from '../change.js';
import { createLastGoodStore } from '../last-good.js';
import { createBatcher } from './batcher.js';
import { listFiles, type Listing } from './list-files.js';
import { loadMemory, noMemory } from './memory.js';
import { createDirectoryReader, type DirectoryReader, type ReadBatch } from './reader.js';
import { defaultRootNamespace } from './root-namespace.js';
import { createDirectoryWatcher, type DirectoryWatcher } from './watch.js';

/** Where the source tells what a user does not ask for; messages are constants. */
export interface SourceLogger {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What a directory source needs. */
export interface DirectorySourceOptions {
  readonly directory: string;
  /** Where last good forms are kept across restarts, below `last-good`; absent: they are not. */
  readonly stateDirectory?: string;
  /** The namespace whose policies may speak for the whole mesh; `skerry-system` by default. */
  readonly rootNamespace?: string;
  readonly clock: Clock;
  readonly logger: SourceLogger;
  /** The first batch is everything there is; each later one is what changed. */
  readonly onChange: (batch: SourceBatch) => void;
}

/** A running source. */
export interface DirectorySource {
  /** Resolves after the first batch; rejects when the last good forms cannot be read. */
  start(): Promise<void>;
  /** Resolves when nothing more will be handed out and everything is on disk. */
  stop(): Promise<void>;
}

/** How long the file system must be quiet before a batch is read, and how long it is waited for. */
const quietMs = 4;
const longestWaitMs = 30;
/** What looks like loss is looked at again after this: editors and copies write in steps. */
const settleMs = 60;
/** Catches what no watch reports: links out of watched directories, network file systems. */
const rescanMs = 10_000;

/** A source that has not read anything yet. */
export function createDirectorySource(options: DirectorySourceOptions): DirectorySource {
  const { clock, logger } = options;
  const rootNamespace = options.rootNamespace ?? defaultRootNamespace;
  let reader: DirectoryReader | undefined;
  let watcher: DirectoryWatcher | undefined;
  let cancelRescan = (): void => undefined;
  let persisting = Promise.resolve();
  let memory = noMemory;

  const emit = (batch: ReadBatch): void => {
    if (batch.hasNews) options.onChange({ changes: batch.changes, diagnostics: batch.diagnostics });
    if (batch.goodForms.size === 0) return;
    persisting = persisting
      .then(() => memory.persist(batch.goodForms))
      .catch((error: unknown) => {
        logger.warn({ error }, 'last good forms cannot be written');
      });
  };
  const batcher = createBatcher({
    clock,
    quietMs,
    longestWaitMs,
    run: async (work) => {
      if (reader === undefined || watcher === undefined) return;
      const batch = await reader.read(work);
      watchAll(batch.listing);
      emit(batch);
      for (const file of batch.held)
        clock.after(settleMs, () => {
          batcher.add(file);
        });
    },
    onError: (error) => {
      logger.error({ error }, 'the directory cannot be read');
    },
  });
  const watchAll = (listing: Listing | undefined): void => {
    if (listing === undefined || watcher === undefined) return;
    const { added, failed } = watcher.set(listing.directories);
    if (failed.length > 0) logger.warn({ directories: failed }, 'directories cannot be watched');
    // Something may have come between the listing and the watching.
    if (added.length > 0) batcher.addAll();
  };
  const rescan = (): void => {
    batcher.addAll();
    cancelRescan = clock.after(rescanMs, rescan);
  };

  return {
    start: async () => {
      if (options.stateDirectory !== undefined) {
        const store = createLastGoodStore({ directory: join(options.stateDirectory, 'last-good') });
        memory = await loadMemory(store, { rootNamespace });
      }
      const listing = await listFiles(options.directory);
      const { root } = listing;
      reader = createDirectoryReader({ root, rootNamespace, clock, memory });
      watcher = createDirectoryWatcher((directory, name) => {
        if (name === undefined) batcher.addAll();
        else batcher.add(relative(root, join(directory, name)).split(sep).join('/'));
      });
      // Watching comes before reading, so that no change falls between.
      watchAll(listing);
      await batcher.runNow();
      cancelRescan = clock.after(rescanMs, rescan);
    },
    stop: async () => {
      cancelRescan();
      watcher?.close();
      await batcher.stop();
      await persisting;
    },
  };
}
