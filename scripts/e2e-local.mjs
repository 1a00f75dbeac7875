// Runs the suites that prove claims by real traffic; an argument names the suites to run: `nack`, `routes services`.
// With `--long` those that take minutes, which `npm test` leaves out.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { argv, execPath, exit, stderr } from 'node:process';
import { fileURLToPath } from 'node:url';
import { ensureH2spec } from './h2spec.mjs';
import { prepare } from './prepare.mjs';
import { setup } from './setup.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const apps = join(root, 'e2e', 'apps');
const isLong = argv.includes('--long');
const folder = isLong ? 'long' : 'suites';
const given = argv.slice(2).filter((argument) => argument !== '--long');
const names = given.filter((argument) => !argument.startsWith('-'));

/** The suites' own programs go beside the demo's, where pods find them. */
async function buildApps() {
  const { build } = await import('esbuild');
  const programs = readdirSync(apps).filter((name) =>
    /^(probe-(server|grpc-server|client)|graceful-server|outside-server|key-server|tls-server|oidc-client|http2-client|ads-client|strangers)\.ts$/.test(
      name,
    ),
  );
  await build({
    entryPoints: Object.fromEntries(
      programs.map((name) => [basename(name, '.ts'), join(apps, name)]),
    ),
    outdir: join(root, 'dist', 'apps'),
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    sourcemap: true,
    logLevel: 'warning',
  });
}

/** Programs that one suite needs: what is wrong with them is no reason to run no other. */
async function ensureJudges() {
  if (!isLong || (names.length > 0 && !names.includes('listeners'))) return {};
  const say = (line) => stderr.write(`e2e: ${line}\n`);
  try {
    await setup({ needs: ['tls-judge'] });
    return { SKERRY_H2SPEC: await ensureH2spec({ say }) };
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return {};
  }
}

/** The same for what builds another clock. */
async function ensureClock() {
  if (!isLong || (names.length > 0 && !names.includes('clock-skew'))) return;
  try {
    await setup({ needs: ['clock'] });
  } catch (error) {
    stderr.write(`e2e: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}

const childEnv = {
  ...(await prepare('e2e', ['envoy', 'network'])),
  ...(await ensureJudges()),
};
await ensureClock();
await buildApps();
const child = spawn(
  execPath,
  [
    '--experimental-vm-modules',
    '--no-warnings=ExperimentalWarning',
    join(root, 'node_modules', 'jest', 'bin', 'jest.js'),
    '--config',
    join(root, 'e2e', 'jest.config.js'),
    // A mesh that did not come down must not keep the run alive.
    '--forceExit',
    ...given.filter((argument) => argument.startsWith('-')),
    ...(names.length === 0 ? [''] : names).map((name) => `e2e/${folder}/${name}`),
  ],
  {
    stdio: 'inherit',
    cwd: root,
    env: childEnv,
  },
);
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (status) => exit(status ?? 1));
