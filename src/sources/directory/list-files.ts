/** Lists the manifests below a directory without leaving it. */
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

/** A manifest; paths are relative to the directory, with `/`. */
export interface ListedFile {
  readonly file: string;
  /** Changes when the file does, as far as the file system tells. */
  readonly signature: string;
}

/** What stands below a directory. */
export interface Listing {
  /** The directory itself, its links followed. */
  readonly root: string;
  /** Sorted by path. */
  readonly files: readonly ListedFile[];
  /** Absolute paths of the directories to watch. */
  readonly directories: readonly string[];
  /** What could not be listed: its files are not known to be gone. Relative paths; empty for the root. */
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
}

const maxDirectoryDepth = 32;

/** Whether a file of this name is read. */
export function isManifestName(name: string): boolean {
  return /^[^.].*\.(ya?ml|json)$/.test(name);
}

/**
 * Every *.yaml, *.yml and *.json file. Hidden entries are passed over (a mounted ConfigMap keeps its
 * versions in `..data`), and so are symbolic links that lead out of the directory.
 */
export async function listFiles(directory: string): Promise<Listing> {
  const files: ListedFile[] = [];
  const directories: string[] = [];
  const unreadable: { path: string; reason: string }[] = [];
  const root = await realpath(directory).catch(() => directory);
  const seen = new Set<string>();
  const visit = async (path: string, depth: number): Promise<void> => {
    const real = await realpath(path).catch(() => path);
    if (seen.has(real) || depth > maxDirectoryDepth) return;
    seen.add(real);
    let entries: Dirent[];
    try {
      entries = await readdir(path, { withFileTypes: true });
    } catch (error) {
      if (path !== root && errorCode(error) === 'ENOENT') return;
      unreadable.push({ path: relativePath(root, path), reason: errorCode(error) });
      return;
    }
    directories.push(path);
    for (const entry of entries) {
      if (entry.name.startsWith('.')) continue;
      const child = join(path, entry.name);
      const kind = await kindOf(root, child, entry);
      if (kind === 'directory') await visit(child, depth + 1);
      if (kind !== 'file' || !isManifestName(entry.name)) continue;
      const signature = await signatureOf(child);
      if (signature !== undefined) files.push({ file: relativePath(root, child), signature });
    }
  };
  await visit(root, 0);
  files.sort((a, b) => (a.file < b.file ? -1 : 1));
  return { root, files, directories, unreadable };
}

/** A text that changes when the file does; undefined for what is not a regular file. */
async function signatureOf(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  if (found?.isFile() !== true) return undefined;
  return [found.ino, found.size, found.mtimeNs, found.ctimeNs].join(':');
}

/** Whether a path, its links followed, stays below the root. */
export async function isInside(root: string, path: string): Promise<boolean> {
  const real = await realpath(path).catch(() => undefined);
  return real !== undefined && (real === root || real.startsWith(root + sep));
}

async function kindOf(
  root: string,
  path: string,
  entry: Dirent,
): Promise<'file' | 'directory' | undefined> {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  if (!entry.isSymbolicLink() || !(await isInside(root, path))) return undefined;
  const target = await stat(path).catch(() => undefined);
  if (target?.isDirectory() === true) return 'directory';
  return target?.isFile() === true ? 'file' : undefined;
}

function relativePath(root: string, path: string): string {
  return relative(root, path).split(sep).join('/');
}

/** `ENOENT`, `EACCES`, …, or `unknown`. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown';
}
