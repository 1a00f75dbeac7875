// Builds the OpenID provider of the suites into one program beside the demo's apps; its package is pinned, and fetched
// once into a cache outside of the checkout.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { env, stderr } from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const scripts = dirname(fileURLToPath(import.meta.url));
const folder = join(scripts, 'npm', 'oidc-provider');
const manifests = ['package.json', 'package-lock.json'];

/** The folder with the package and what it depends on, as its lock file says. */
function ensurePackages() {
  const hash = createHash('sha256');
  for (const file of manifests) hash.update(readFileSync(join(folder, file)));
  const cache = join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'skerry', 'tools');
  const path = join(cache, `oidc-provider-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(path)) return path;
  stderr.write('fetching the OpenID provider, once\n');
  mkdirSync(cache, { recursive: true });
  // Beside its place, so that the last step is a rename: nobody ever sees half a folder.
  const work = mkdtempSync(join(cache, 'npm-'));
  try {
    for (const file of manifests) copyFileSync(join(folder, file), join(work, file));
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    execFileSync('npm', ['ci', ...flags], { cwd: work, stdio: ['ignore', 2, 2] });
    renameSync(work, path);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return path;
}

await build({
  entryPoints: { 'oidc-provider': join(folder, 'server.mjs') },
  outdir: join(dirname(scripts), 'dist', 'apps'),
  nodePaths: [join(ensurePackages(), 'node_modules')],
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  // Some of its dependencies are CommonJS and ask for Node's own modules by `require`.
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
