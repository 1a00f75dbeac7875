/** The goals beside what was seen, as data and as one table. */
import { formatTable } from '../../src/cli/index.js';
import { formatMachine, formatNoise, type Machine } from '../noise.js';
import { referenceText, type Goal, type Unit } from './goals.js';
import type { GoalsOptions } from './options.js';
import { commandText } from './plan.js';
import type { DoneSuite, GoalRow, Tally } from './rows.js';

/** What `--json` prints. */
export interface GoalsReport extends Omit<GoalsOptions, 'json'> {
  readonly rows: readonly GoalRow[];
  readonly tally: Tally;
  readonly suites: readonly DoneSuite[];
  readonly seconds: number;
  readonly machine: Machine;
}

/** A figure with its unit, to three digits. */
export function spell(value: number, unit: Unit): string {
  const rounded = Number(value.toPrecision(3));
  const over = (divisor: number): string => String(Number((rounded / divisor).toPrecision(3)));
  switch (unit) {
    case 'ms':
      return rounded < 1e3 ? `${over(1)} ms` : `${over(1e3)} s`;
    case 'bytes':
      if (rounded < 1e3) return `${over(1)} B`;
      if (rounded < 1e6) return `${over(1e3)} kB`;
      return rounded < 1e9 ? `${over(1e6)} MB` : `${over(1e9)} GB`;
    case 'percent':
      return `${over(1)} %`;
    case 'times':
      return `${over(1)}x`;
  }
}

const header = ['GOAL', 'LAYOUT', 'SEEN', 'FROM - TO', 'AT MOST', 'HELD', 'REFERENCE', 'BARE', ''];

function spellMaybe(value: number | undefined, unit: Unit): string {
  return value === undefined ? '' : spell(value, unit);
}

function cellsOf({ unit, outcome }: Pick<GoalRow, 'unit' | 'outcome'>): {
  readonly seen: readonly [seen: string, range: string];
  readonly held: string;
  readonly bare: string;
  readonly note: string;
} {
  switch (outcome.kind) {
    case 'seen': {
      const { lowest, highest, runs } = outcome;
      const range = runs === 1 ? '' : `${spell(lowest, unit)} - ${spell(highest, unit)}`;
      return {
        seen: [spell(outcome.seen, unit), range],
        held: outcome.isHeld ? 'yes' : 'NO',
        bare: spellMaybe(outcome.bare, unit),
        note: outcome.note ?? '',
      };
    }
    case 'failed':
      return { seen: ['failed', ''], held: '-', bare: '', note: outcome.why };
    case 'left out':
      return { seen: ['left out', ''], held: '-', bare: '', note: outcome.why };
  }
}

function rowOf(row: GoalRow): readonly string[] {
  const { seen, held, bare, note } = cellsOf(row);
  const { what, layout, unit, atMost, reference }: Goal = row;
  return [
    ...[what, layout, ...seen, spell(atMost, unit), held],
    ...[spellMaybe(reference, unit), bare, oneLine(note)],
  ];
}

/** What failed may say so in many lines. */
function oneLine(text: string): string {
  const [first = ''] = text.split('\n', 1);
  return first.length > 160 ? `${first.slice(0, 160)}…` : first;
}

function suiteLines({ args, seconds, reports, runs, failure }: DoneSuite): readonly string[] {
  const times = runs === 1 ? '' : `, ${String(reports.length)} of ${String(runs)} runs`;
  const noise = reports.map(({ machine }) => formatNoise(machine)).join('; ');
  const end = failure === undefined ? '' : `; failed: ${oneLine(failure)}`;
  return [`${commandText(args)} (${seconds.toFixed(0)} s${times}): ${noise || '-'}${end}`];
}

/** How many goals are held, in one line. */
export function formatTally({ held, seen, failed, leftOut }: Tally): string {
  const others = [
    ...(leftOut > 0 ? [`${String(leftOut)} left out`] : []),
    ...(failed > 0 ? [`${String(failed)} failed to be measured`] : []),
  ];
  return [`${String(held)} of ${String(seen)} goals held`, ...others].join('; ');
}

/** The report as text. */
export function formatGoals(report: GoalsReport): string {
  const { rows, tally, suites, seconds, machine, isQuick } = report;
  const leftOut =
    tally.leftOut > 0
      ? [
          `left out${isQuick ? ' of the quick form' : ''}: what is so marked, with the command for it`,
        ]
      : [];
  return [
    `The goals beside what was seen${isQuick ? ' in the quick form, with fewer rounds' : ''}; ${(seconds / 60).toFixed(1)} minutes.`,
    `AT MOST: the goal. REFERENCE: ${referenceText}.`,
    'BARE: a gRPC server that thinks about nothing and writes the same bytes to as many sidecars, in the same run; it carries from one machine to another.',
    'SEEN: the median of the runs, FROM - TO where there were several; each is over the rounds of its bench.',
    '',
    formatTable(header, rows.map(rowOf)),
    '',
    ...leftOut,
    'noise: milliseconds of a loop that is always the same, before and after each run',
    ...suites.flatMap(suiteLines),
    formatMachine(machine),
    '',
    formatTally(tally),
  ].join('\n');
}
