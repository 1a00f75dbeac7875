// Runs the tests that need a real kube-apiserver (`*.api.test.ts`) beside one that they share; arguments go to jest.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { argv, env, execPath, exit, stderr } from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { apiPrograms, ensureKubernetes } from './kubernetes.mjs';
import { ensureJudge } from './judge-certificates.mjs';
import { prepare } from './prepare.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The rig is TypeScript, which Node 20 does not read. */
async function loadRig() {
  const { build } = await import('esbuild');
  mkdirSync(join(root, 'dist'), { recursive: true });
  // Inside the checkout, where the packages that it imports are found.
  const folder = mkdtempSync(join(root, 'dist', 'test-api-'));
  const outfile = join(folder, 'api-server.mjs');
  try {
    await build({
      entryPoints: [join(root, 'src', 'sources', 'kubernetes', 'testing', 'api-server.ts')],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      logLevel: 'warning',
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runJest(childEnv) {
  const child = spawn(
    execPath,
    [
      '--experimental-vm-modules',
      '--no-warnings=ExperimentalWarning',
      join(root, 'node_modules', 'jest', 'bin', 'jest.js'),
      '--config',
      join(root, 'jest.api.config.js'),
      ...argv.slice(2),
    ],
    { stdio: 'inherit', cwd: root, env: childEnv },
  );
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return await new Promise((resolve) => child.on('exit', (status) => resolve(status ?? 1)));
}

const childEnv = await prepare('test:api', ['envoy', 'network', 'kubernetes-api']);
try {
  const say = (line) => stderr.write(`test:api: ${line}\n`);
  const found = await ensureKubernetes({ names: apiPrograms, say });
  env.SKERRY_KUBERNETES_BIN = dirname(found['kube-apiserver']);
  // One test needs it: what is wrong with it is no reason to run no other.
  const judge = await ensureJudge({ say }).catch((error) => {
    say(error instanceof Error ? error.message : String(error));
    return '';
  });
  const { startApiServer } = await loadRig();
  const server = await startApiServer();
  const { SKERRY_KUBERNETES_BIN } = env;
  const status = await runJest({
    ...childEnv,
    SKERRY_KUBERNETES_BIN,
    SKERRY_KUBECTL: found.kubectl,
    SKERRY_HELM: found.helm,
    SKERRY_JUDGE: judge,
    SKERRY_TEST_KUBECONFIG: server.kubeconfig,
  });
  await server.stop();
  exit(status);
} catch (error) {
  stderr.write(`test:api: ${error instanceof Error ? error.message : String(error)}\n`);
  exit(1);
}
