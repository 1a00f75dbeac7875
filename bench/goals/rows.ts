/** What was seen of each goal, and whether it is held. */
import type { SuiteReport } from '../run.js';
import { median } from '../statistics.js';
import { goals, type Goal } from './goals.js';
import { commandOf, hasFigure, type PlannedSuite } from './plan.js';
import { readFigure, type Reading } from './readings.js';

/** A bench that was run, or was to be. */
export interface DoneSuite extends Pick<PlannedSuite, 'args' | 'options' | 'runs'> {
  readonly seconds: number;
  /** Of each run that came to its end. */
  readonly reports: readonly SuiteReport[];
  /** Why one did not. */
  readonly failure?: string;
}

/** What was seen; medians over the runs. */
export interface Seen {
  readonly kind: 'seen';
  readonly seen: number;
  /** Over the runs. */
  readonly lowest: number;
  readonly highest: number;
  readonly runs: number;
  readonly isHeld: boolean;
  /** The bare server's, in the same runs. */
  readonly bare?: number;
  readonly note?: string;
}

/** What became of a goal. */
export type Outcome =
  | Seen
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'left out'; readonly why: string };

/** One row. */
export interface GoalRow extends Goal {
  readonly outcome: Outcome;
}

/** Judges each goal by what was run. */
export function judgeGoals(suites: readonly DoneSuite[]): readonly GoalRow[] {
  return goals.map((goal) => ({ ...goal, outcome: outcomeOf(goal, suites) }));
}

function outcomeOf(goal: Goal, suites: readonly DoneSuite[]): Outcome {
  const suite = suites.find(({ options }) => hasFigure(options, goal.from));
  if (suite === undefined) return { kind: 'left out', why: commandOf(goal.from) };
  const { args, failure, reports } = suite;
  if (failure !== undefined) return { kind: 'failed', why: `${args.join(' ')}: ${failure}` };
  const readings = reports.flatMap((report) => readFigure(goal, report) ?? []);
  if (readings.length === 0 || readings.some(({ seen }) => Number.isNaN(seen))) {
    return { kind: 'failed', why: `${args.join(' ')}: the report has no such figure` };
  }
  return judge(goal, readings);
}

/** Judges a goal by the readings of all runs. */
export function judge({ atMost }: Pick<Goal, 'atMost'>, readings: readonly Reading[]): Seen {
  const all = readings.map((reading) => reading.seen);
  const seen = median(all);
  const bare = readings.flatMap((reading) => reading.bare ?? []);
  const note = readings.at(-1)?.note;
  return {
    kind: 'seen',
    ...{ seen, lowest: Math.min(...all), highest: Math.max(...all), runs: all.length },
    isHeld: seen <= atMost,
    ...(bare.length > 0 && { bare: median(bare) }),
    ...(note !== undefined && { note }),
  };
}

/** Of each kind of outcome, how many rows. */
export interface Tally {
  readonly held: number;
  readonly seen: number;
  readonly failed: number;
  readonly leftOut: number;
}

/** Counts them. */
export function tallyOf(rows: readonly GoalRow[]): Tally {
  const count = (is: (outcome: Outcome) => boolean): number =>
    rows.filter(({ outcome }) => is(outcome)).length;
  return {
    held: count((outcome) => outcome.kind === 'seen' && outcome.isHeld),
    seen: count(({ kind }) => kind === 'seen'),
    failed: count(({ kind }) => kind === 'failed'),
    leftOut: count(({ kind }) => kind === 'left out'),
  };
}
