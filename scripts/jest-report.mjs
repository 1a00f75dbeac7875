// Runs one of the scripts that start jest, and counts from its report what it ran.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failureLine, failuresOf } from './failures.mjs';

/**
 * Runs `node script …args` with jest's `--json`. Returns how many tests passed and failed, a line for
 * each failure, and whether all is well: the exit status counts too, and a run without a report failed.
 */
export function runJest(script, args = []) {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-test-'));
  const report = join(folder, 'jest.json');
  const { status } = spawnSync(
    process.execPath,
    [script, ...args, '--json', `--outputFile=${report}`],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  try {
    const result = JSON.parse(readFileSync(report, 'utf8'));
    // A suite that could not even start has no failed tests of its own.
    const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
    const isGreen = status === 0 && failed === 0;
    return { passed: result.numPassedTests, failed, failures: failuresOf(result), isGreen };
  } catch {
    return { passed: 0, failed: 1, failures: [failureLine(script, 'no report')], isGreen: false };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
