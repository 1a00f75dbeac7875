/** Writes files so that whoever reads them, or the power going, never meets half of one. */
import { randomBytes } from 'node:crypto';
import { renameSync } from 'node:fs';
import { open, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

const draftPattern = /^\.skerry-cni\.[0-9a-f]{12}\.new$/;

/** A name beside a file's own that nobody takes for a file of theirs; see {@link removeDrafts}. */
export function draftPath(folder: string): string {
  return join(folder, `.skerry-cni.${randomBytes(6).toString('hex')}.new`);
}

/** Removes what a process that was killed has left of its drafts. */
export async function removeDrafts(folder: string): Promise<void> {
  for (const name of await listFolder(folder)) {
    if (draftPattern.test(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** The names in a folder, in the order of their bytes; empty where there is none. */
export async function listFolder(folder: string): Promise<readonly string[]> {
  try {
    const names = await readdir(folder);
    return names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** Whether an error says that something is not there. */
export function isAbsent(error: unknown): boolean {
  const isObject = typeof error === 'object' && error !== null;
  return isObject && 'code' in error && error.code === 'ENOENT';
}

/** Lets what was renamed or removed in a folder survive the machine's power. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Puts a whole file in a path's place. `isStillDue` is asked in the last moment; where it says no,
 * nothing happens and the answer is false. Both are synchronous: what others write between the two is
 * lost, and this is as short as it can be.
 */
export async function writeWhole(
  path: string,
  { text, mode }: { readonly text: string; readonly mode: number },
  isStillDue: () => boolean = () => true,
): Promise<boolean> {
  const draft = draftPath(dirname(path));
  try {
    const handle = await open(draft, 'wx', mode);
    try {
      await handle.writeFile(text);
      // The mask of this process may have taken bits away.
      await handle.chmod(mode);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (!isStillDue()) {
      await rm(draft, { force: true });
      return false;
    }
    renameSync(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
  return true;
}

/** `10-pods.conflist: EACCES: …` as one line for people. */
export function describeFailure(path: string, error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  return `${basename(path)}: ${reason}`;
}
