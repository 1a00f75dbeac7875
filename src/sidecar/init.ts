/** Prepares a sidecar's directory: a fresh key, its certificate request, the bootstrap and the SDS files. */
import { createPrivateKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { chmod, chown, lstat, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  bootstrap,
  checkBootstrapOptions,
  type BootstrapOptions,
  type Json,
  type SidecarPaths,
} from './bootstrap.js';
import { certificateRequest } from './csr.js';
import { proxyGid, proxyUid } from './ports.js';

/** The sidecar's directory could not be prepared. */
export class SidecarInitError extends Error {
  readonly code = 'SidecarInit';

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'SidecarInitError';
  }
}

/** What a sidecar is prepared from; the paths within the directory are not the caller's to choose. */
export interface SidecarInitOptions extends Omit<BootstrapOptions, 'csr' | 'paths'> {
  /** Absolute; made (0700) when absent. In a pod: a memory-backed volume that only the sidecar mounts besides. */
  readonly directory: string;
  /** Absolute path of the token, which others keep fresh. */
  readonly tokenPath: string;
  /** Absolute path of the control plane's trust bundle, likewise. */
  readonly rootBundlePath: string;
  /** `fresh`: a new key each time; `keep`: the one that is there, if it is whole. Default `fresh`. */
  readonly key?: 'fresh' | 'keep';
}

/** One file of a sidecar's directory. */
export interface PlannedFile {
  /** Below the directory. */
  readonly name: string;
  readonly text: string;
}

/** Where everything of a sidecar rests. */
export interface SidecarLayout {
  readonly bootstrapPath: string;
  readonly csrPath: string;
  readonly paths: SidecarPaths;
}

/**
 * The layout below `directory`. The admin socket has a directory of its own: Envoy watches the one
 * with the key, and should see nothing there but the key.
 */
export function sidecarLayout(
  options: Pick<SidecarInitOptions, 'directory' | 'tokenPath' | 'rootBundlePath'>,
): SidecarLayout {
  const at = (name: string): string => join(options.directory, name);
  return {
    bootstrapPath: at('bootstrap.json'),
    csrPath: at('csr.pem'),
    paths: {
      key: at('key/key.pem'),
      token: options.tokenPath,
      rootBundle: options.rootBundlePath,
      adminSocket: at('run/admin.sock'),
      sdsDirectory: options.directory,
    },
  };
}

function textOf(value: Json): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** The files of a sidecar whose request is `csr`, apart from the key. Pure. */
export function planSidecar(options: SidecarInitOptions, csr: string): readonly PlannedFile[] {
  const { paths } = sidecarLayout(options);
  const made = bootstrap({ ...options, csr, paths });
  return [
    { name: 'csr.pem', text: csr },
    { name: 'sds-token.json', text: textOf(made.files['sds-token.json']) },
    { name: 'sds-ca.json', text: textOf(made.files['sds-ca.json']) },
    { name: 'bootstrap.json', text: textOf(made.bootstrap) },
  ];
}

/** Only root can give files away; anybody else is, or must be, the sidecar's own uid. */
async function giveToProxy(path: string): Promise<void> {
  if (process.geteuid?.() === 0) await chown(path, proxyUid, proxyGid);
}

async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const stat = await lstat(path);
  if (!stat.isDirectory()) throw new SidecarInitError(`expected ${path} to be a plain directory`);
  await chmod(path, 0o700);
  await giveToProxy(path);
}

async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`;
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await giveToProxy(temporary);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function readKeptKey(path: string): Promise<KeyObject | undefined> {
  try {
    const stat = await lstat(path);
    const key = createPrivateKey(await readFile(path, 'utf8'));
    const isPrivate = stat.isFile() && (stat.mode & 0o077) === 0;
    return isPrivate && key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : undefined;
  } catch {
    // Absent or damaged: a fresh one takes its place.
    return undefined;
  }
}

async function ensureKey(options: SidecarInitOptions, path: string): Promise<KeyObject> {
  const kept = options.key === 'keep' ? await readKeptKey(path) : undefined;
  if (kept !== undefined) return kept;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeWhole(path, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
  return privateKey;
}

/**
 * Prepares the directory and tells where everything is. All files are 0600 and belong to the sidecar
 * when we are root; each is written whole or not at all; repeating it is harmless. Rejects with a
 * `SidecarInitError`.
 */
export async function initSidecar(options: SidecarInitOptions): Promise<SidecarLayout> {
  const layout = sidecarLayout(options);
  const problems = checkBootstrapOptions({ ...options, csr: '', paths: layout.paths });
  if (problems.length > 0) throw new SidecarInitError(problems.join('; '));
  try {
    await makeDirectory(options.directory);
    await makeDirectory(join(options.directory, 'key'));
    await makeDirectory(join(options.directory, 'run'));
    const key = await ensureKey(options, layout.paths.key);
    for (const { name, text } of planSidecar(options, certificateRequest(key))) {
      await writeWhole(join(options.directory, name), text);
    }
  } catch (error) {
    if (error instanceof SidecarInitError) throw error;
    const reason = error instanceof Error ? error.message : 'failed';
    throw new SidecarInitError(`cannot prepare ${options.directory}: ${reason}`, error);
  }
  return layout;
}
