/** Runs the benches that the goals are held to, one after another; one that fails holds back no other. */
import type { BenchEnvironment } from '../bench-mesh.js';
import { deadlineAfter } from '../deadline.js';
import { describeMachine, measureNoise } from '../noise.js';
import type { SuiteOptions } from '../options.js';
import type { SuiteReport } from '../run.js';
import type { GoalsOptions } from './options.js';
import { planOf, type PlannedSuite } from './plan.js';
import type { GoalsReport } from './report.js';
import { judgeGoals, tallyOf, type DoneSuite } from './rows.js';

/** Runs one bench. */
export type RunSuite = (
  options: SuiteOptions,
  environment: BenchEnvironment,
) => Promise<SuiteReport>;

/** Runs what a form consists of; see {@link runPlan}. */
export async function benchGoals(
  { bench, isQuick, hasSoak }: GoalsOptions,
  environment: BenchEnvironment,
  runSuite: RunSuite,
): Promise<GoalsReport> {
  const before = measureNoise();
  const startedAt = performance.now();
  const suites = await runPlan(planOf({ isQuick, hasSoak }), environment, runSuite);
  const rows = judgeGoals(suites);
  return {
    ...{ bench, isQuick, hasSoak, rows, tally: tallyOf(rows), suites },
    seconds: (performance.now() - startedAt) / 1000,
    machine: describeMachine(before),
  };
}

/** Runs one bench after another. Interrupted, it resolves too: what was not done says so. */
export async function runPlan(
  plan: readonly PlannedSuite[],
  environment: BenchEnvironment,
  runSuite: RunSuite,
): Promise<readonly DoneSuite[]> {
  const suites: DoneSuite[] = [];
  for (const planned of plan) suites.push(await runPlanned(planned, environment, runSuite));
  return suites;
}

async function runPlanned(
  { args, options, runs, timeoutMs }: PlannedSuite,
  environment: BenchEnvironment,
  runSuite: RunSuite,
): Promise<DoneSuite> {
  const { interrupted } = environment;
  const name = args.join(' ');
  const say = (text: string): void => {
    environment.say(`${name}: ${text}`);
  };
  const startedAt = performance.now();
  const reports: SuiteReport[] = [];
  let deadline = interrupted;
  let failure: string | undefined;
  try {
    for (let run = 1; run <= runs; run += 1) {
      interrupted.throwIfAborted();
      if (runs > 1) say(`run ${String(run)} of ${String(runs)}`);
      deadline = deadlineAfter(timeoutMs, interrupted);
      reports.push(await runSuite(options, { ...environment, say, interrupted: deadline }));
    }
  } catch (error) {
    // A Ctrl-C reaches the API server too: what follows from it is no reason.
    failure = messageOf(deadline.aborted ? deadline.reason : error);
    say(failure);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return { args, options, runs, seconds, reports, ...(failure !== undefined && { failure }) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
