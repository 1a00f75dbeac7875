/** Puts what the plugin runs on a node into a folder of the node: whole, under the digest of its bytes, or not at all. */
import { createHash, type Hash } from 'node:crypto';
import { copyFile, lstat, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { draftPath, isAbsent, listFolder, syncFolder } from './files.js';

/** One file of a runtime. */
interface RuntimeFile {
  /** Below the folder, with slashes. */
  readonly name: string;
  readonly bytes: number;
  readonly mode: number;
}

/** A runtime as it comes in the image: a folder that names its files, by links where they lie elsewhere. */
export interface Runtime {
  readonly source: string;
  /** Name of the folder on the node: 16 hexadecimal digits. */
  readonly digest: string;
  readonly files: readonly RuntimeFile[];
}

const digestPattern = /^[0-9a-f]{16}$/;

/** Without these the launcher has nothing to start. */
const required: readonly string[] = ['ld.so', 'node', 'nsenter', 'ip', 'xtables-nft-multi'];

/** Reads a runtime, each byte once. Rejects where it is not whole. */
export async function readRuntime(source: string): Promise<Runtime> {
  const names = (await readdir(source, { recursive: true })).sort();
  const hash = createHash('sha256');
  // One for all: what a hundred megabytes of streams leave behind would stay in this process for good.
  const buffer = Buffer.allocUnsafe(1024 * 1024);
  const files: RuntimeFile[] = [];
  for (const name of names) {
    const path = join(source, name);
    const found = await stat(path);
    if (found.isDirectory()) continue;
    files.push({ name, bytes: found.size, mode: found.mode & 0o777 });
    hash.update(`${name}\0${String(found.size)}\0${String(found.mode & 0o777)}\0`);
    await hashFile(hash, path, buffer);
  }
  const missing = required.filter((name) => !files.some((file) => file.name === name));
  if (missing.length > 0) {
    throw new Error(`expected ${missing.join(', ')} in ${source}: is this Skerry’s image`);
  }
  return { source, digest: hash.digest('hex').slice(0, 16), files };
}

async function hashFile(hash: Hash, path: string, buffer: Buffer): Promise<void> {
  const handle = await open(path, 'r');
  try {
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return;
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}

/** Installs a runtime below `folder`, unless it is there whole. Returns whether it had to. */
export async function installRuntime(runtime: Runtime, folder: string): Promise<boolean> {
  const target = join(folder, runtime.digest);
  if (await isWhole(runtime, target)) return false;
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const draft = draftPath(folder);
  try {
    for (const file of runtime.files) await copyWhole(join(runtime.source, file.name), draft, file);
    await syncFolder(draft);
    // There is something of that name only where somebody has damaged it.
    await rm(target, { recursive: true, force: true });
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
  await syncFolder(folder);
  return true;
}

async function copyWhole(from: string, folder: string, file: RuntimeFile): Promise<void> {
  const to = join(folder, file.name);
  await mkdir(dirname(to), { recursive: true, mode: 0o755 });
  await copyFile(from, to);
  const handle = await open(to, 'r+');
  try {
    await handle.chmod(file.mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Looks at names, sizes and modes: cheap enough to be asked all the time. */
async function isWhole({ files }: Runtime, target: string): Promise<boolean> {
  for (const { name, bytes, mode } of files) {
    try {
      const found = await lstat(join(target, name));
      if (!found.isFile() || found.size !== bytes || (found.mode & 0o777) !== mode) return false;
    } catch (error) {
      if (isAbsent(error)) return false;
      throw error;
    }
  }
  return true;
}

/** Removes other runtimes than `kept`: of earlier versions, and drafts of a process that was killed. */
export async function removeOtherRuntimes(folder: string, kept: Runtime): Promise<void> {
  for (const name of await listFolder(folder)) {
    const isOld = digestPattern.test(name) && name !== kept.digest;
    if (isOld) await rm(join(folder, name), { recursive: true, force: true });
  }
}
