// Runs the suites on a real cluster, which it brings up and takes down; an argument names the suites to run: `probes mtls`.
// The last line is `N passed, N failed`; the exit status is 1 when anything failed.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { argv, env, exit, getuid, stderr, stdout } from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { failureLine, failuresOf } from './failures.mjs';
import { prepare } from './prepare.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const say = (line) => stderr.write(`e2e: ${line}\n`);

/** The runner and its rigs are TypeScript, which Node 20 does not read. */
async function loadRunner() {
  const { build } = await import('esbuild');
  const outfile = join(root, 'dist', 'e2e.js');
  await build({
    ...{ entryPoints: [join(root, 'e2e', 'run', 'main.ts')], outfile, absWorkingDir: root },
    ...{ bundle: true, platform: 'node', target: 'node20', format: 'esm', packages: 'external' },
    ...{ sourcemap: true, logLevel: 'warning' },
  });
  return await import(pathToFileURL(outfile).href);
}

/** kind brings its own Kubernetes, but no kubectl. */
async function prepareKind() {
  const { status } = spawnSync('kubectl', ['version', '--client'], { stdio: 'ignore' });
  if (status === 0) return;
  const { ensureKubernetes, kubernetesBin } = await import('./kubernetes.mjs');
  await ensureKubernetes({ names: ['kubectl'], say });
  env.SKERRY_KUBERNETES_BIN = kubernetesBin();
}

/** What the cluster of this kind is made of, beside the images. */
async function prepareRig(kind) {
  if (kind === 'kind') return prepareKind();
  if (getuid?.() !== 0) throw new Error('a cluster on this machine takes root; kind does not');
  Object.assign(env, await prepare('e2e', ['network', 'kubernetes-node']));
  const { clusterPrograms, ensureKubernetes, kubernetesBin } = await import('./kubernetes.mjs');
  await ensureKubernetes({ names: clusterPrograms, say });
  env.SKERRY_KUBERNETES_BIN = kubernetesBin();
}

async function makeImages(output) {
  const startedAt = performance.now();
  const { writeImages } = await import('./image.mjs');
  const written = await writeImages({ output, registry: 'registry.local/skerry' });
  say(`the images are built (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
  return written.map(({ archive }) => archive);
}

async function run(suites) {
  const { chooseRig, runSuites } = await loadRunner();
  const kind = await chooseRig();
  await prepareRig(kind);
  const name = env.SKERRY_E2E_NAME || 'e2e';
  // The same for each run, so that what a killed one has left goes with the next.
  const folder = join(tmpdir(), `skerry-e2e-${name}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  try {
    return await runSuites({
      ...{ kind, name, folder, suites, say, archives: await makeImages(folder) },
      isKept: env.SKERRY_E2E_KEEP === '1',
      program: join(root, 'dist', 'skerry.js'),
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

Object.assign(env, await prepare('e2e', ['envoy']));
let outcome;
const failures = [];
try {
  outcome = await run(argv.slice(2));
  failures.push(...outcome.reports.flatMap(failuresOf));
} catch (error) {
  for (let cause = error; cause instanceof Error; cause = cause.cause) say(cause.message);
  failures.push(failureLine('npm run e2e', error instanceof Error ? error.message : String(error)));
  outcome = { passed: 0, failed: 1 };
}
for (const line of failures) stdout.write(`${line}\n`);
stdout.write(`${outcome.passed} passed, ${outcome.failed} failed\n`);
exit(outcome.failed === 0 ? 0 : 1);
