/** For tests: a directory source on a real temporary directory, and what it has handed out so far. */
import { chmod, mkdir, mkdtemp, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock } from '../../lib/index.js';
import type { Diagnostic } from '../../model/index.js';
import type { SourceBatch } from '../change.js';
import { createDirectorySource, type DirectorySource } from './source.js';

/** A directory and a source on it. */
export interface DirectoryRig {
  readonly directory: string;
  readonly stateDirectory: string;
  /** Rows by `collection key`, as JSON-like data. */
  readonly rows: ReadonlyMap<string, unknown>;
  readonly batches: readonly SourceBatch[];
  diagnostics(): readonly Diagnostic[];
  /** `code file:line field` of each finding. */
  found(): readonly string[];
  write(file: string, text: string | Uint8Array): Promise<void>;
  move(from: string, to: string): Promise<void>;
  remove(file: string): Promise<void>;
  setMode(file: string, mode: number): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Resolves when the state fits, after as many batches as it takes. */
  until(predicate: () => boolean): Promise<void>;
  /** Stops the source and removes the directories. */
  end(): Promise<void>;
}

/** A rig on empty directories; `start` it after writing the first files. */
export async function createDirectoryRig(): Promise<DirectoryRig> {
  const base = await realpath(await mkdtemp(join(tmpdir(), 'skerry-sources-')));
  const directory = join(base, 'manifests');
  const stateDirectory = join(base, 'state');
  await mkdir(directory);
  const rows = new Map<string, unknown>();
  const batches: SourceBatch[] = [];
  const waiting = new Set<() => void>();
  let source: DirectorySource | undefined;
  const diagnostics = (): readonly Diagnostic[] => batches.at(-1)?.diagnostics ?? [];
  const take = (batch: SourceBatch): void => {
    batches.push(batch);
    for (const { collection, key, value } of batch.changes) {
      if (value === undefined) rows.delete(`${collection} ${key}`);
      else rows.set(`${collection} ${key}`, value);
    }
    for (const check of waiting) check();
  };
  const stop = async (): Promise<void> => {
    await source?.stop();
    source = undefined;
  };
  return {
    directory,
    stateDirectory,
    rows,
    batches,
    diagnostics,
    found: () =>
      diagnostics().map(({ code, position, field }) =>
        `${code} ${position?.file ?? ''}:${position?.line ?? 0} ${field ?? ''}`.trim(),
      ),
    write: async (file, text) => {
      await mkdir(dirname(join(directory, file)), { recursive: true });
      await writeFile(join(directory, file), text);
    },
    move: (from, to) => rename(join(directory, from), join(directory, to)),
    remove: (file) => rm(join(directory, file), { recursive: true }),
    setMode: (file, mode) => chmod(join(directory, file), mode),
    start: async () => {
      rows.clear();
      batches.length = 0;
      const silent = (): void => undefined;
      const logger = { warn: silent, error: silent };
      const options = { directory, stateDirectory, clock: systemClock, logger, onChange: take };
      source = createDirectorySource(options);
      await source.start();
    },
    stop,
    until: (predicate) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!predicate()) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
    end: async () => {
      await stop();
      await rm(base, { recursive: true, force: true });
    },
  };
}

/** A Service as text. */
export function serviceText(name: string, port: number | string = 80): string {
  return `apiVersion: v1
kind: Service
metadata:
  name: ${name}
  namespace: shop
spec:
  ports:
  - port: ${port}
`;
}

/** A TrafficPolicy that denies by default, as text; `extra` is put into its spec. */
export function policyText(name: string, extra = ''): string {
  return `apiVersion: skerry.dev/v1alpha1
kind: TrafficPolicy
metadata:
  name: ${name}
  namespace: shop
spec:
  targetRefs:
  - kind: Namespace
${extra}  inbound:
    authorization:
      default: Deny
`;
}
