// Bundles the programs into dist/: the control plane, and the demo's and the bench's where they exist.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { argv, exit, stderr } from 'node:process';
import { fileURLToPath } from 'node:url';
import { leanClient } from './lean-client.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Source of each program, by its output below dist/ without the suffix. */
function entryPoints() {
  const apps = join(root, 'demo', 'apps');
  const programs = existsSync(apps) ? readdirSync(apps).filter((name) => isProgram(name)) : [];
  const all = {
    skerry: join(root, 'src', 'main.ts'),
    demo: join(root, 'demo', 'main.ts'),
    bench: join(root, 'bench', 'main.ts'),
    load: join(root, 'bench', 'load', 'generator.ts'),
    'heap-probe': join(root, 'bench', 'cluster', 'heap-probe.ts'),
    'bare-server': join(root, 'bench', 'load', 'bare-server.ts'),
    ...Object.fromEntries(
      programs.map((name) => [`apps/${basename(name, '.ts')}`, join(apps, name)]),
    ),
  };
  return Object.fromEntries(Object.entries(all).filter(([, path]) => existsSync(path)));
}

function isProgram(name) {
  return name.endsWith('.ts') && !name.endsWith('.test.ts');
}

/** The newest change below a folder; 0 where it does not exist. */
function newest(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

/** True where an output is missing or something that it may be made of is newer. */
export function isBuildStale() {
  const outputs = Object.keys(entryPoints()).map((name) => join(root, 'dist', `${name}.js`));
  const oldest = Math.min(...outputs.map((path) => newest(path)));
  const inputs = ['src', 'demo', 'bench', 'gen', 'package-lock.json', 'scripts/build.mjs'];
  return inputs.some((name) => newest(join(root, name)) > oldest);
}

/** Builds everything; throws where a source does not compile. */
export async function build() {
  const { build: bundle } = await import('esbuild');
  await bundle({
    entryPoints: entryPoints(),
    outdir: join(root, 'dist'),
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    plugins: [leanClient],
    sourcemap: true,
    logLevel: 'warning',
  });
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const started = performance.now();
  if (isBuildStale()) {
    try {
      await build();
    } catch {
      // esbuild has said what is wrong.
      exit(1);
    }
    stderr.write(`built dist/ in ${Math.round(performance.now() - started)} ms\n`);
  }
}
