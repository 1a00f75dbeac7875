/** Finds the suites on a real cluster and runs them by jest, each in a process of its own. */
import { spawn } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findCheckout } from '../../demo/rig/index.js';

/** How one suite went, in tests. */
export interface SuiteOutcome {
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
  /** The report of jest; absent where it wrote none. */
  readonly report?: unknown;
}

/** Takes all of Skerry out of the cluster, so nothing comes after it. */
const lastSuite = 'uninstall';

/** The names of the suites in the order in which they run. Throws where one of those wanted does not exist. */
export async function findSuites(wanted: readonly string[]): Promise<readonly string[]> {
  const entries = await readdir(join(findCheckout().root, 'e2e', 'cluster'), {
    withFileTypes: true,
  });
  const known = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const unknown = wanted.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new Error(`no suite ${unknown.join(', ')}; there are ${known.sort().join(', ')}`);
  }
  const chosen = known.filter((name) => wanted.length === 0 || wanted.includes(name)).sort();
  return [
    ...chosen.filter((name) => name !== lastSuite),
    ...chosen.filter((name) => name === lastSuite),
  ];
}

/** Runs one suite; `folder` is for its report. A suite that could not even start counts as one that failed. */
export async function runSuite(name: string, folder: string): Promise<SuiteOutcome> {
  const startedAt = performance.now();
  const report = join(folder, `${name}.json`);
  const status = await runJest(name, report);
  const counts = await readReport(report, status);
  return { ...counts, seconds: Math.round((performance.now() - startedAt) / 1000) };
}

function runJest(name: string, report: string): Promise<number | null> {
  const { root } = findCheckout();
  const args = [
    ...['--experimental-vm-modules', '--no-warnings=ExperimentalWarning'],
    join(root, 'node_modules', 'jest', 'bin', 'jest.js'),
    ...['--config', join(root, 'e2e', 'jest.cluster.config.js')],
    ...['--json', `--outputFile=${report}`],
    // A caller that did not end must not keep the run alive.
    '--forceExit',
    `e2e/cluster/${name}/`,
  ];
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
}

async function readReport(
  path: string,
  status: number | null,
): Promise<Omit<SuiteOutcome, 'seconds'>> {
  const text = await readFile(path, 'utf8').catch(() => '');
  if (text === '') return { passed: 0, failed: 1 };
  const report = JSON.parse(text) as {
    readonly numPassedTests: number;
    readonly numFailedTests: number;
    readonly numRuntimeErrorTestSuites: number;
  };
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  const isOddlyGreen = failed === 0 && (status !== 0 || report.numPassedTests === 0);
  return { passed: report.numPassedTests, failed: isOddlyGreen ? 1 : failed, report };
}
