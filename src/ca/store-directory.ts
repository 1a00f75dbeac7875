/** CA material in a directory that only its owner may read: atomic writes, one winner among several creators. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, lstat, mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../lib/index.js';
import { CaError } from './ca-error.js';
import type { CaStore, SlotName } from './store.js';

const abandonedAfterMs = 10 * 60 * 1000;
const temporaryPrefix = '.new-';

function codeOf(error: unknown): string {
  const isCoded = typeof error === 'object' && error !== null && 'code' in error;
  return isCoded && typeof error.code === 'string' ? error.code : '';
}

function storeError(what: string, path: string, cause: unknown): CaError {
  if (cause instanceof CaError) return cause;
  const reason = codeOf(cause);
  return new CaError(
    'CaStore',
    `cannot ${what} ${path}: ${reason === '' ? 'failed' : reason}`,
    cause,
  );
}

async function guarded<T>(what: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeError(what, path, error);
  }
}

async function checkPrivate(path: string, kind: 'directory' | 'file'): Promise<void> {
  const stat = await lstat(path);
  const isExpected = kind === 'directory' ? stat.isDirectory() : stat.isFile();
  if (!isExpected) throw new CaError('CaPermissions', `expected ${path} to be a plain ${kind}`);
  const uid = process.geteuid?.();
  if (uid !== undefined && stat.uid !== uid) {
    throw new CaError(
      'CaPermissions',
      `expected ${path} to be owned by uid ${uid}, found uid ${stat.uid}: run chown ${uid} ${path}`,
    );
  }
  if ((stat.mode & 0o077) !== 0) {
    const wanted = kind === 'directory' ? '700' : '600';
    const found = (stat.mode & 0o777).toString(8);
    throw new CaError(
      'CaPermissions',
      `expected ${path} to be closed to group and others, found mode ${found}: run chmod ${wanted} ${path}`,
    );
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

type Durability = 'synced' | 'unsynced';

async function writeNew(path: string, text: string, durability: Durability): Promise<void> {
  const handle = await open(path, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    if (durability === 'synced') await handle.sync();
  } finally {
    await handle.close();
  }
}

function temporaryName(): string {
  return `${temporaryPrefix}${randomBytes(9).toString('hex')}`;
}

async function replaceFile(
  directory: string,
  name: string,
  text: string,
  durability: Durability,
): Promise<void> {
  const temporary = join(directory, temporaryName());
  try {
    await writeNew(temporary, text, durability);
    await rename(temporary, join(directory, name));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  if (durability === 'synced') await syncDirectory(directory);
}

/** True when made; false when a file of that name was there. `link` never overwrites. */
async function createFile(directory: string, name: string, text: string): Promise<boolean> {
  const temporary = join(directory, temporaryName());
  try {
    await writeNew(temporary, text, 'synced');
    await link(temporary, join(directory, name));
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  await syncDirectory(directory);
  return true;
}

async function readPrivate(path: string): Promise<string | undefined> {
  try {
    await checkPrivate(path, 'file');
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Removes what a start that was killed left behind; a young one may belong to a start going on now. */
async function removeAbandoned(directory: string, nowMs: number): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith(temporaryPrefix)) continue;
    const path = join(directory, name);
    const stat = await lstat(path).catch(() => undefined);
    if (stat !== undefined && nowMs - stat.mtimeMs > abandonedAfterMs) {
      await rm(path, { recursive: true, force: true });
    }
  }
}

async function readSlotAt(path: string): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    await checkPrivate(path, 'directory');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  const files = new Map<string, string>();
  for (const name of (await readdir(path)).sort()) {
    if (name.startsWith(temporaryPrefix)) continue;
    const text = await readPrivate(join(path, name));
    if (text !== undefined) files.set(name, text);
  }
  return files;
}

/** A directory renamed over one that is not empty fails, so exactly one creator wins. */
async function createSlotAt(
  directory: string,
  slot: SlotName,
  files: ReadonlyMap<string, string>,
): Promise<boolean> {
  const temporary = join(directory, temporaryName());
  try {
    await mkdir(temporary, { mode: 0o700 });
    for (const [name, text] of files) await writeNew(join(temporary, name), text, 'synced');
    await syncDirectory(temporary);
    await rename(temporary, join(directory, slot));
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    if (codeOf(error) === 'ENOTEMPTY' || codeOf(error) === 'EEXIST') return false;
    throw error;
  }
  await syncDirectory(directory);
  return true;
}

/**
 * Opens `directory` as a store, making it (0700) when absent. Rejects with `CaPermissions` when it,
 * or later any file in it, is open to others or belongs to another user; the message says how to mend.
 */
export async function openDirectoryStore(directory: string): Promise<CaStore> {
  const issued = join(directory, 'issued');
  await guarded('open', directory, async () => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await checkPrivate(directory, 'directory');
    await mkdir(issued, { recursive: true, mode: 0o700 });
    await checkPrivate(issued, 'directory');
    const nowMs = systemClock.now();
    await removeAbandoned(directory, nowMs);
    await removeAbandoned(issued, nowMs);
  });
  const at = (name: string): string => join(directory, name);
  const issuedAt = (key: string): string => join(issued, `${key}.json`);
  return {
    readSlot: (slot) => guarded('read', at(slot), () => readSlotAt(at(slot))),
    createSlot: (slot, files) =>
      guarded('create', at(slot), () => createSlotAt(directory, slot, files)),
    writeSlotFile: (slot, name, text) =>
      guarded('write', join(at(slot), name), () => replaceFile(at(slot), name, text, 'synced')),
    readRecord: (name) => guarded('read', at(name), () => readPrivate(at(name))),
    createRecord: (name, text) =>
      guarded('create', at(name), () => createFile(directory, name, text)),
    listIssued: () => guarded('list', issued, () => listIssuedIn(issued)),
    readIssued: (key) => guarded('read', issuedAt(key), () => readPrivate(issuedAt(key))),
    writeIssued: (key, text) =>
      guarded('write', issuedAt(key), () => replaceFile(issued, `${key}.json`, text, 'unsynced')),
    removeIssued: (key) => guarded('remove', issuedAt(key), () => removeIfThere(issuedAt(key))),
  };
}

async function listIssuedIn(issued: string): Promise<readonly string[]> {
  const names = await readdir(issued);
  return names
    .filter((name) => /^[0-9a-f]{64}\.json$/.test(name))
    .map((name) => name.slice(0, -'.json'.length));
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
