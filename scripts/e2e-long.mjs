// Runs the suites on real sidecars that take minutes; an argument names the suites to run.
// The last line is `N passed, N failed`; the exit status is 1 when anything failed.
import { argv, exit, stdout } from 'node:process';
import { runJest } from './jest-report.mjs';

const { passed, failed, failures, isGreen } = runJest('scripts/e2e-local.mjs', [
  '--long',
  ...argv.slice(2),
]);
for (const line of failures) stdout.write(`${line}\n`);
stdout.write(`${passed} passed, ${isGreen ? failed : Math.max(failed, 1)} failed\n`);
exit(isGreen ? 0 : 1);
