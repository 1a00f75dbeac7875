/** Files that their owner alone may read: checked, written whole or not at all, created once. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, lstat, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { CaError } from './ca-error.js';

/** What nobody has touched for this long, in milliseconds, is left over from a start that was killed. */
export const abandonedAfterMs = 10 * 60 * 1000;
/** How names begin that readers pass over. */
export const temporaryPrefix = '.new-';

/** The code of a system error; empty when it has none. */
export function codeOf(error: unknown): string {
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

/** Runs `work`; whatever it rejects with becomes a `CaError` that names the path. */
export async function guarded<T>(what: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeError(what, path, error);
  }
}

/** Rejects with `CaPermissions` unless `path` is ours and closed to others. */
export async function checkPrivate(path: string, kind: 'directory' | 'file'): Promise<void> {
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

/** Makes renames and creations within outlive a power failure. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether a file outlives a power failure. */
export type Durability = 'synced' | 'unsynced';

/** Makes a file, 0600; rejects when there is one. */
export async function writeNew(path: string, text: string, durability: Durability): Promise<void> {
  const handle = await open(path, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    if (durability === 'synced') await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes a file, 0600, where an operator wants it: true when made; false when there was one. Without
 * links, which the file systems of memory sticks do not know; what fails in the middle is removed.
 */
export async function writeOnce(directory: string, name: string, text: string): Promise<boolean> {
  const path = join(directory, name);
  return guarded('write', path, async () => {
    try {
      await writeNew(path, text, 'synced');
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      await rm(path, { force: true });
      throw error;
    }
    await syncDirectory(directory);
    return true;
  });
}

/** A name that readers pass over. */
export function temporaryName(): string {
  return `${temporaryPrefix}${randomBytes(9).toString('hex')}`;
}

/** Writes a file whole. */
export async function replaceFile(
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

/** Makes a file: true when made; false when a file of that name was there. `link` never overwrites. */
export async function createFile(directory: string, name: string, text: string): Promise<boolean> {
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

/** The text of a file, undefined when there is none; rejects when others may read it. */
export async function readPrivate(path: string): Promise<string | undefined> {
  try {
    await checkPrivate(path, 'file');
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Removes what a start that was killed left behind; a young one may belong to a start going on now. */
export async function removeAbandoned(directory: string, nowMs: number): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith(temporaryPrefix)) continue;
    const path = join(directory, name);
    const stat = await lstat(path).catch(() => undefined);
    if (stat !== undefined && nowMs - stat.mtimeMs > abandonedAfterMs) {
      await rm(path, { recursive: true, force: true });
    }
  }
}

/** Removes a file, if there is one. */
export async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
