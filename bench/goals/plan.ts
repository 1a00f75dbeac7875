/** Which benches the goals are held to, how they are run in each form, and whose report has a goal's figure. */
import { parseOptions, type SuiteOptions } from '../options.js';
import type { Source } from './goals.js';
import type { GoalsOptions } from './options.js';

/** One bench of the plan. */
export interface PlannedSuite {
  /** What `npm run bench --` is given for the same. */
  readonly args: readonly string[];
  readonly options: SuiteOptions;
  /** One after another; their median counts. */
  readonly runs: number;
  /** A run is given up after this. */
  readonly timeoutMs: number;
}

const minuteMs = 60_000;
const timeoutMs = 45 * minuteMs;
const soakTimeoutMs = 90 * minuteMs;

const onDemand = ['--layouts', 'on-demand'] as const;

interface Entry {
  readonly args: readonly string[];
  readonly runs: number;
}

function sidecarOf(services: number): Entry {
  return { args: ['sidecar', '--services', String(services), ...onDemand], runs: 1 };
}

const quick: readonly Entry[] = [
  { args: ['load', '--rounds', '5'], runs: 1 },
  { args: ['sync', '--events', '500'], runs: 1 },
  sidecarOf(1_000),
  { args: ['certificates', '--rounds', '1'], runs: 1 },
];

const whole: readonly Entry[] = [
  { args: ['load', '--rounds', '10'], runs: 3 },
  { args: ['sync'], runs: 3 },
  ...[100, 1_000, 5_000, 10_000].map(sidecarOf),
  { args: ['sync', '--services', '10000', '--events', '500'], runs: 1 },
  { args: ['certificates'], runs: 1 },
];

const soak: Entry = { args: ['soak'], runs: 1 };

/** The benches of a form, in their order. */
export function planOf({
  isQuick,
  hasSoak,
}: Pick<GoalsOptions, 'isQuick' | 'hasSoak'>): readonly PlannedSuite[] {
  const entries = [...(isQuick ? quick : whole), ...(hasSoak ? [soak] : [])];
  return entries.map((entry) => {
    const options = suiteOptions(entry.args);
    return { ...entry, options, timeoutMs: options.bench === 'soak' ? soakTimeoutMs : timeoutMs };
  });
}

function suiteOptions(args: readonly string[]): SuiteOptions {
  const options = parseOptions(args);
  if (typeof options === 'string') throw new Error(options);
  if (options.bench === 'goals') throw new Error(`no bench is named by ${args.join(' ')}`);
  return options;
}

/** Whether the report of a bench with these options has the figure. */
export function hasFigure(options: SuiteOptions, from: Source): boolean {
  switch (from.bench) {
    case 'sync':
      return options.bench === 'sync' && options.services === from.services;
    case 'sidecar':
      return options.bench === 'sidecar' && options.services.includes(from.services);
    case 'load':
    case 'certificates':
    case 'soak':
      return options.bench === from.bench;
  }
}

/** The command that measures a figure which a form leaves out. */
export function commandOf(from: Source): string {
  const all = planOf({ isQuick: false, hasSoak: true });
  const found = all.find(({ options }) => hasFigure(options, from));
  return commandText(found?.args ?? []);
}

/** What is typed for the same. */
export function commandText(args: readonly string[]): string {
  return ['npm run bench --', ...args].join(' ');
}
