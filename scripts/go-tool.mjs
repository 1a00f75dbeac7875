// Builds a program from one of our folders below scripts/go, whose modules are pinned, into a cache.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { env } from 'node:process';
import { fileURLToPath } from 'node:url';
import { download, goOptions, run } from './kubernetes.mjs';

const sources = ['go.mod', 'go.sum', 'main.go'];

/** The path of the program `name` of `module`, built first where it is missing. `say` gets progress lines. */
export async function ensureGoTool({ module, name, what, say }) {
  const folder = join(dirname(fileURLToPath(import.meta.url)), 'go', module);
  const hash = createHash('sha256');
  for (const file of sources) hash.update(readFileSync(join(folder, file)));
  const cache = join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'skerry', 'tools');
  const path = join(cache, `${name}-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(path)) return path;
  await download(module, ['.'], say);
  say(`building ${what}: a minute, once`);
  mkdirSync(cache, { recursive: true });
  // Beside its place, so that the last step is a rename: nobody ever sees half a program.
  const work = mkdtempSync(join(cache, 'build-'));
  try {
    const built = join(work, name);
    const options = { ...goOptions(module), stdio: ['ignore', 2, 2] };
    await run(['build', '-trimpath', '-buildvcs=false', '-o', built, '.'], options);
    renameSync(built, path);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return path;
}
