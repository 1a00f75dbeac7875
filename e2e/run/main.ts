/** Brings up a cluster with Skerry in it, runs the suites one after another, and takes it down. */
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installSkerry, restartSkerry } from '../kit/cluster/cluster.js';
import { openRig, type Rig } from '../rig/index.js';
import { gatherEvidence } from './evidence.js';
import { removeTraces } from './namespaces.js';
import { findSuites, runSuite, type SuiteOutcome } from './suites.js';

export { chooseRig } from '../rig/index.js';

/** What a run is told. */
export interface RunOptions {
  readonly kind: Rig['kind'];
  /** Of the cluster: two runs of different names do not meet. */
  readonly name: string;
  /** Suites by the names of their folders; empty: all. */
  readonly suites: readonly string[];
  /** Takes the cluster that an earlier run has kept, and keeps it. */
  readonly isKept: boolean;
  /** Image archives that the cluster needs. */
  readonly archives: readonly string[];
  /** For what is needed while it runs. */
  readonly folder: string;
  /** The built command line. */
  readonly program: string;
  /** Gets lines of progress. */
  readonly say: (line: string) => void;
}

/** How a run went, in tests. */
export interface RunOutcome {
  readonly passed: number;
  readonly failed: number;
  /** Of the suites that had one, as jest writes it. */
  readonly reports: readonly unknown[];
}

/** Runs. Rejects where there is no such suite or the cluster does not come up; takes it down in any case. */
export async function runSuites(options: RunOptions): Promise<RunOutcome> {
  const { kind, name, say } = options;
  const suites = await findSuites(options.suites);
  const rig = openRig(kind, name);
  process.env['SKERRY_E2E_RIG'] = kind;
  process.env['SKERRY_E2E_CLUSTER'] = name;
  process.env['SKERRY_E2E_PROGRAM'] = options.program;
  process.env['KUBECONFIG'] = rig.kubeconfig;
  const down = async (): Promise<void> => {
    if (options.isKept) say(`the cluster is kept: export KUBECONFIG=${rig.kubeconfig}`);
    else await timed(say, 'the cluster is gone', () => rig.down());
  };
  const interrupt = (signal: NodeJS.Signals): void => {
    say(`${signal}: taking the cluster down`);
    void down().finally(() => process.exit(130));
  };
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    await bringUp(rig, options);
    return await runAll(rig, suites, options);
  } finally {
    await down();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

async function bringUp(rig: Rig, { isKept, archives, name, say }: RunOptions): Promise<void> {
  const isUsed = isKept && (await rig.isUp());
  if (!isUsed) await timed(say, `a cluster of ${rig.kind} is up`, () => rig.up());
  await timed(say, 'the images are loaded', async () => {
    for (const archive of archives) await rig.loadImage(archive);
  });
  try {
    await timed(say, 'Skerry is installed', async () => {
      await installSkerry(rig);
      // Pods that run have the images of an earlier run, under the same names.
      if (isUsed) await restartSkerry(rig);
    });
  } catch (error) {
    const folder = await evidenceFolder(name, 'install');
    await gatherEvidence(rig, folder);
    throw new Error(`Skerry could not be installed; what was seen is in ${folder}`, {
      cause: error,
    });
  }
}

async function runAll(
  rig: Rig,
  suites: readonly string[],
  { folder: work, say }: RunOptions,
): Promise<RunOutcome> {
  const logs = join(work, 'logs');
  await mkdir(logs);
  process.env['SKERRY_E2E_LOGS'] = logs;
  const outcomes: SuiteOutcome[] = [];
  for (const suite of suites) {
    // Of an earlier run that was killed, or that has kept the cluster.
    await removeTraces(rig);
    const outcome = await runSuite(suite, work);
    outcomes.push(outcome);
    const { passed, failed, seconds } = outcome;
    say(
      `${failed === 0 ? 'ok    ' : 'FAILED'} ${suite} (${passed} of ${passed + failed}, ${seconds} s)`,
    );
    if (failed > 0) {
      const folder = await evidenceFolder(rig.name, suite);
      await gatherEvidence(rig, folder, logs);
      say(`what was seen is in ${folder}`);
      // One suite that leaves the control plane ill must not fail those after it.
      await installSkerry(rig).catch((error: unknown) => {
        say(`Skerry could not be installed again: ${String(error)}`);
      });
    }
  }
  await removeTraces(rig);
  const sum = (of: (outcome: SuiteOutcome) => number): number =>
    outcomes.reduce((total, outcome) => total + of(outcome), 0);
  const reports = outcomes.flatMap(({ report }) => (report === undefined ? [] : [report]));
  return { passed: sum(({ passed }) => passed), failed: sum(({ failed }) => failed), reports };
}

/** An empty folder for what was seen of a failure; that of an earlier run is removed. */
async function evidenceFolder(name: string, suite: string): Promise<string> {
  const folder = join(tmpdir(), `skerry-e2e-${name}-failed`, suite);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  return folder;
}

async function timed(
  say: RunOptions['say'],
  what: string,
  task: () => Promise<void>,
): Promise<void> {
  const startedAt = performance.now();
  await task();
  say(`${what} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
}
