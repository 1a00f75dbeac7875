/** Reads what changed in a directory into the catalogue. Holds state: caches, and files that are doubted. */
import { isDeepStrictEqual } from 'node:util';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../lib/index.js';
import { diagnosticCodes, type Diagnostic } from '../../model/index.js';
import type { SourceBatch } from '../change.js';
import type { Work } from './batcher.js';
import { createCatalogue, type GoodForm } from './catalogue.js';
import { isInside, isManifestName, listFiles, type Listing } from './list-files.js';
import type { Memory } from './memory.js';
import { readManifestFile } from './read-file.js';
import { brokenFile, type DocumentCache, type FileReading } from './read-manifests.js';

/** What one reading found. */
export interface ReadBatch extends SourceBatch {
  /** False when neither rows nor diagnostics differ from the last batch. */
  readonly hasNews: boolean;
  readonly goodForms: ReadonlyMap<string, GoodForm | undefined>;
  /** Present when the whole directory was listed. */
  readonly listing?: Listing;
  /** Files that look as if something got lost: to be read again after a while. */
  readonly held: readonly string[];
}

/** Reads batches; one at a time. */
export interface DirectoryReader {
  /** The first call must be for all files: it is the initial sync. */
  read(work: Work): Promise<ReadBatch>;
}

/** What looks like loss must stay so for this long before it is believed. */
const settleMs = 50;
/**
 * The same for a file that says nothing any more: `render > policies.yaml` empties it before the
 * renderer has so much as started, and until then no rule of it would hold.
 */
const emptySettleMs = 2_000;
/** The longest stretch of parsing without a pause. */
const sliceMs = 10;

/** A reader of the directory `root`, a path without links. */
export function createDirectoryReader(options: {
  readonly root: string;
  readonly rootNamespace: string;
  readonly clock: Clock;
  readonly memory: Memory;
}): DirectoryReader {
  const { root, clock, memory } = options;
  const catalogue = createCatalogue(memory);
  const caches = new Map<string, DocumentCache>();
  const signatures = new Map<string, string>();
  const doubts = new Map<string, { readonly since: number; readonly text: string }>();
  let directories: ReadonlySet<string> = new Set();
  let isFirst = true;
  let listed: readonly Diagnostic[] = [];
  let lastDiagnostics: readonly Diagnostic[] = [];
  const pause = createPause(clock);

  /** Files whose signature changed, and files that are gone. */
  const changedFiles = (listing: Listing): readonly string[] => {
    listed = listing.unreadable.map(toUnreadable);
    const present = new Map(listing.files.map(({ file, signature }) => [file, signature]));
    const isHidden = (file: string): boolean =>
      listing.unreadable.some(({ path }) => path === '' || file.startsWith(`${path}/`));
    const changed = [...present].filter(([file, signature]) => signatures.get(file) !== signature);
    for (const [file, signature] of changed) signatures.set(file, signature);
    const known = isFirst ? [...memory.files()] : catalogue.files();
    const missing = known.filter((file) => !present.has(file));
    for (const file of missing.filter(isHidden)) {
      if (isFirst)
        catalogue.apply(file, brokenFile(file, 'FileUnreadable', 'cannot list the directory'));
    }
    return [...changed.map(([file]) => file), ...missing.filter((file) => !isHidden(file))];
  };
  const readFile = async (file: string): Promise<FileReading | undefined> => {
    if (!(await isInside(root, join(root, file)))) return undefined;
    const former = caches.get(file);
    const found = await readManifestFile(file, {
      directory: root,
      rootNamespace: options.rootNamespace,
      pause,
      ...(former === undefined ? {} : { former }),
    });
    if (found === undefined) caches.delete(file);
    else caches.set(file, found.cache);
    return found?.reading;
  };
  const isDoubted = (file: string, reading: FileReading | undefined): boolean => {
    if (isFirst || !looksLost(catalogue.readingOf(file), reading)) {
      doubts.delete(file);
      return false;
    }
    const text = reading === undefined ? '' : textOf(reading);
    const doubt = doubts.get(file);
    // A file that is still being written is believed when it stays as it is.
    const since = doubt?.text === text ? doubt.since : clock.now();
    doubts.set(file, { since, text });
    const isEmpty = reading?.isBroken === false && reading.objects.length === 0;
    if (clock.now() - since < (isEmpty ? emptySettleMs : settleMs)) return true;
    doubts.delete(file);
    return false;
  };
  const settle = (): Omit<ReadBatch, 'held' | 'listing'> => {
    const settled = catalogue.settle();
    const diagnostics = [...listed, ...catalogue.diagnostics()];
    const hasNews =
      isFirst || settled.changes.length > 0 || !isDeepStrictEqual(diagnostics, lastDiagnostics);
    lastDiagnostics = diagnostics;
    const forgotten = isFirst ? forgottenKeys(memory, catalogue.objectKeys()) : [];
    const goodForms = new Map<string, GoodForm | undefined>([...forgotten, ...settled.goodForms]);
    return { changes: settled.changes, diagnostics, hasNews, goodForms };
  };

  /** Whether files may have come or gone below a name: it is, or was, a directory or a link. */
  const isPassage = async (name: string): Promise<boolean> => {
    const path = join(root, name);
    if (directories.has(path)) return true;
    const found = await lstat(path).catch(() => undefined);
    if (found?.isDirectory() === true) return true;
    return found?.isSymbolicLink() === true && !isManifest(name);
  };

  return {
    read: async (work) => {
      const files = [...work.files].filter(isManifest);
      const passages = await Promise.all([...work.files].map(isPassage));
      const isAll = work.isAll || passages.includes(true);
      const listing = isAll ? await listFiles(root) : undefined;
      if (listing !== undefined) directories = new Set(listing.directories);
      const changed = listing === undefined ? [] : changedFiles(listing);
      const held: string[] = [];
      for (const file of [...new Set([...files, ...changed])].sort()) {
        const reading = await readFile(file);
        if (isDoubted(file, reading)) held.push(file);
        else catalogue.apply(file, reading);
      }
      const batch = { ...settle(), held, ...(listing === undefined ? {} : { listing }) };
      isFirst = false;
      return batch;
    },
  };
}

function isManifest(file: string): boolean {
  return isManifestName(file.slice(file.lastIndexOf('/') + 1));
}

/** Something that was there is not, or cannot be read: perhaps the file is only half written. */
function looksLost(former: FileReading | undefined, next: FileReading | undefined): boolean {
  if (former === undefined) return false;
  if (next === undefined) return true;
  if (next.isBroken) return !former.isBroken;
  const keys = new Set(next.objects.map(({ objectKey }) => objectKey));
  return former.objects.some(({ objectKey }) => !keys.has(objectKey));
}

/** The same for readings that say the same. */
function textOf({ isBroken, objects }: FileReading): string {
  return JSON.stringify([isBroken, objects.map(({ objectKey }) => objectKey)]);
}

/** What the earlier run knew and this one did not find. */
function forgottenKeys(
  memory: Memory,
  present: ReadonlySet<string>,
): readonly (readonly [string, undefined])[] {
  return [...memory.objectKeys()]
    .filter((objectKey) => !present.has(objectKey))
    .map((objectKey) => [objectKey, undefined] as const);
}

function toUnreadable(entry: { readonly path: string; readonly reason: string }): Diagnostic {
  return {
    code: 'FileUnreadable',
    severity: 'error',
    message: `cannot list the directory: ${entry.reason}`,
    remedy: diagnosticCodes.FileUnreadable.remedy,
    position: { file: entry.path === '' ? '.' : entry.path, line: 1, column: 1 },
  };
}

function createPause(clock: Clock): () => Promise<void> {
  let sliceStart = clock.now();
  return async () => {
    if (clock.now() - sliceStart < sliceMs) return;
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    sliceStart = clock.now();
  };
}
