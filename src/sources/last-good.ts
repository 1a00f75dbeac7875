/** Remembers on disk the last good form of objects. Holds state: what is on disk and what is being written. */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isMap, ownField } from './parse/cursor.js';

/** A remembered form. */
export interface LastGood {
  /** What tells one form from another; a form with the hash already stored is not written again. */
  readonly hash: string;
  /** JSON, as it was recorded. */
  readonly manifest: unknown;
}

/** The store; one process at a time may use a directory. */
export interface LastGoodStore {
  /** Reads everything; files that are damaged are passed over. Must come before the rest. */
  load(): Promise<ReadonlyMap<string, LastGood>>;
  /** Resolves when the form is on disk; rejects when it cannot be written. */
  record(objectKey: string, hash: string, manifest: unknown): Promise<void>;
  /** Resolves when the object is gone from disk. */
  forget(objectKey: string): Promise<void>;
}

/** Objects share this many files: few writes for a large first sync, small ones for an edit. */
const shardCount = 256;

/** A store in `directory`, which is created with mode 0700 at the first write. */
export function createLastGoodStore(options: { readonly directory: string }): LastGoodStore {
  const { directory } = options;
  const shards = new Map<string, Map<string, LastGood>>();
  const flushes = new Map<string, Promise<void>>();
  const entriesOf = (name: string): Map<string, LastGood> => {
    const entries = shards.get(name) ?? new Map<string, LastGood>();
    shards.set(name, entries);
    return entries;
  };

  /** Writes a shard after the write under way, once for all changes made until then. */
  const pending = new Map<string, Promise<void>>();
  const flush = (name: string): Promise<void> => {
    const waiting = pending.get(name);
    if (waiting !== undefined) return waiting;
    const write = (flushes.get(name) ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        pending.delete(name);
        return writeShard(directory, name, entriesOf(name));
      });
    pending.set(name, write);
    flushes.set(name, write);
    return write;
  };

  return {
    load: async () => {
      shards.clear();
      for (const [name, entries] of await readShards(directory)) shards.set(name, entries);
      return new Map([...shards.values()].flatMap((entries) => [...entries]));
    },
    record: (objectKey, hash, manifest) => {
      const name = shardOf(objectKey);
      const entries = entriesOf(name);
      if (entries.get(objectKey)?.hash === hash) return flushes.get(name) ?? Promise.resolve();
      entries.set(objectKey, { hash, manifest });
      return flush(name);
    },
    forget: (objectKey) => {
      const name = shardOf(objectKey);
      return entriesOf(name).delete(objectKey) ? flush(name) : Promise.resolve();
    },
  };
}

function shardOf(objectKey: string): string {
  const first = createHash('sha256').update(objectKey).digest()[0] ?? 0;
  return `${(first % shardCount).toString(16).padStart(2, '0')}.json`;
}

async function readShards(
  directory: string,
): Promise<readonly (readonly [string, Map<string, LastGood>])[]> {
  const names = await readdir(directory).catch(() => []);
  const shards: (readonly [string, Map<string, LastGood>])[] = [];
  for (const name of names) {
    if (!/^[0-9a-f]{2}\.json$/.test(name)) continue;
    const text = await readFile(join(directory, name), 'utf8').catch(() => '');
    shards.push([name, readEntries(text)]);
  }
  return shards;
}

function readEntries(text: string): Map<string, LastGood> {
  const entries = new Map<string, LastGood>();
  const stored = parseJson(text);
  if (!isMap(stored)) return entries;
  for (const [objectKey, entry] of Object.entries(stored)) {
    const hash = ownField(entry, 'hash');
    if (typeof hash === 'string')
      entries.set(objectKey, { hash, manifest: ownField(entry, 'manifest') });
  }
  return entries;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Complete or not at all: a crash leaves the former file. */
async function writeShard(
  directory: string,
  name: string,
  entries: ReadonlyMap<string, LastGood>,
): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, name);
  if (entries.size === 0) {
    await rm(path, { force: true });
    return;
  }
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(JSON.stringify(Object.fromEntries(entries)));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
