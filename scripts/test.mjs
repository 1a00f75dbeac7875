// Everything `npm test` promises: types, lint, unit, golden, property and real-Envoy tests, then the demo both ways.
// The last line is `N passed, N failed`; the exit status is 1 when anything failed.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { failureLine } from './failures.mjs';
import { runJest } from './jest-report.mjs';
import { setup } from './setup.mjs';

const require = createRequire(import.meta.url);
let passed = 0;
let failed = 0;
const failures = [];

function count(name, isOk, note = '') {
  if (isOk) passed += 1;
  else {
    failed += 1;
    failures.push(failureLine(name, note));
  }
  process.stderr.write(`${isOk ? 'ok    ' : 'FAILED'} ${name}${note === '' ? '' : ` (${note})`}\n`);
}

function run(name, command, args) {
  const startedAt = Date.now();
  const { status } = spawnSync(command, args, { stdio: ['ignore', 2, 'inherit'] });
  count(name, status === 0, `${Math.round((Date.now() - startedAt) / 1000)} s`);
}

function jest(name, script) {
  const outcome = runJest(script);
  passed += outcome.passed;
  failed += outcome.failed;
  failures.push(...outcome.failures);
  count(name, outcome.isGreen, `${outcome.passed} tests`);
}

function demo(layout) {
  const startedAt = Date.now();
  const { status, stdout } = spawnSync(
    process.execPath,
    ['scripts/demo.mjs', '--once', '--json', '--outbound', layout],
    { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  );
  const seconds = `${Math.round((Date.now() - startedAt) / 1000)} s`;
  try {
    const report = JSON.parse(stdout);
    for (const one of report.expectations) {
      count(`demo (${layout}): ${one.name}`, one.ok, one.ok ? '' : one.detail);
    }
    count(`demo (${layout}) exits 0`, status === 0 && report.ok, seconds);
    return report;
  } catch {
    count(`demo (${layout})`, false, 'no JSON on stdout');
    return undefined;
  }
}

/** What a caller can tell of a call, without its time and the version that chance chose. */
function outcomes(report) {
  return new Map(
    (report?.calls ?? []).map((call) => [
      `${call.from} -> ${call.to} ${call.protocol} ${call.name ?? ''}`,
      `${call.status} ${call.peerSpiffeId ?? ''}`,
    ]),
  );
}

await setup({ needs: ['envoy', 'network', 'kubernetes-api'] });
run('types', process.execPath, [require.resolve('typescript/bin/tsc'), '--noEmit']);
run('lint', process.execPath, ['node_modules/eslint/bin/eslint.js', '.']);
run('format', process.execPath, [require.resolve('prettier/bin/prettier.cjs'), '--check', '.']);
run('dependencies', process.execPath, ['scripts/dependencies.mjs']);
run('build', process.execPath, ['scripts/build.mjs']);
jest('tests beside the code', 'scripts/jest.mjs');
jest('tests against a real kube-apiserver', 'scripts/test-api.mjs');
jest('suites on real sidecars', 'scripts/e2e-local.mjs');
const onDemand = outcomes(demo('on-demand'));
const eager = outcomes(demo('eager'));
for (const [call, outcome] of eager) {
  const other = onDemand.get(call);
  count(`same on demand as eager: ${call}`, other === outcome, `${outcome} / ${other}`);
}
if (eager.size === 0) count('the eager layout made calls to compare', false);

// Again and together, since what was printed as it failed is far above.
for (const line of failures) process.stdout.write(`${line}\n`);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
