/** Tests of the goals: their figures, verdicts, failures, and the forms in which they are printed. */
import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import type { BenchEnvironment } from '../bench-mesh.js';
import { rowNames, type Row } from '../load/phases.js';
import type { LayoutReport, LoadReport } from '../load/report.js';
import type { Machine } from '../noise.js';
import { parseOptions, type SuiteOptions } from '../options.js';
import type { SuiteReport } from '../run.js';
import type { SidecarReport } from '../sidecar.js';
import { goals, type Goal } from './goals.js';
import { commandOf, hasFigure, planOf } from './plan.js';
import { readFigure } from './readings.js';
import { formatGoals, formatTally, spell, type GoalsReport } from './report.js';
import { judge, judgeGoals, tallyOf, type GoalRow } from './rows.js';
import { runPlan, type RunSuite } from './run.js';

const noise = { medianMs: 4.9, worstMs: 5.5 };
const machine: Machine = {
  ...{ cpu: 'a cpu', cores: 2, node: 'v20.0.0', load: 0.5, before: noise, after: noise },
};

function loadRow(what: string, figures: Partial<Row>): Row {
  return {
    ...{ what, sidecars: 1_000, rounds: 1, cpuMs: 0, generatorCpuMs: 0, counts: {}, stallMs: 1 },
    ...{ bytesAfter: 300e6, bytesPeak: 400e6, retries: 0, times: { p50: 0, p99: 0, last: 0 } },
    floor: { p50: 0, p99: 20, last: 2_000, cpuMs: 3 },
    ...figures,
  };
}

function layoutReport(layout: LayoutReport['layout'], configuredMs: number): LayoutReport {
  const rows = [
    loadRow(rowNames.configured, {
      times: { p50: 0, p99: 0, last: configuredMs },
      stallMs: 900,
    }),
    loadRow(rowNames.endpoint, { times: { p50: 1, p99: 30, last: 0 }, stallMs: 20 }),
    loadRow(rowNames.eachEndpoint, { times: { p50: 1, p99: 31, last: 2 }, cpuMs: 8 }),
    loadRow(rowNames.policy, {
      rounds: 2,
      counts: { VirtualHost: { responses: 2, resources: 2, bytes: 1_000_000 } },
      stallMs: 60,
    }),
    loadRow(rowNames.reconnected, {
      counts: {
        Cluster: { responses: 9, resources: 0, bytes: 500 },
        Secret: { responses: 9, resources: 2, bytes: 70 },
      },
    }),
  ];
  return { layout, build: 'this', restBytes: 200e6, rows };
}

function loadReport(configuredMs: number): LoadReport {
  return {
    ...{ bench: 'load', services: 1_000, endpoints: 5, sidecars: 1_000, used: 10, machine },
    layouts: [layoutReport('on-demand', configuredMs), layoutReport('eager', configuredMs)],
  };
}

function goalOf(what: string, layout: Goal['layout'] = 'on-demand'): Goal {
  const found = goals.find((goal) => goal.what === what && goal.layout === layout);
  if (found === undefined) throw new Error(`no goal ${what}`);
  return found;
}

function seenIn(report: SuiteReport, what: string): unknown {
  return readFigure(goalOf(what), report);
}

describe('the goals', () => {
  test('are shares of the reference for both layouts', () => {
    const texts = (layout: Goal['layout']): readonly string[] =>
      goals
        .filter((goal) => goal.reference !== undefined && goal.layout === layout)
        .map(({ atMost, unit }) => spell(atMost, unit));
    expect(texts('on-demand')).toEqual([
      ...['7.19 s', '12 s', '37.7 ms', '35.1 ms', '149 ms', '208 ms', '1.05 MB', '7.31 s'],
      ...['0 B', '302 MB', '37.7 ms', '35.1 ms'],
    ]);
    expect(texts('eager')).toEqual([
      ...['36 s', '59.9 s', '126 ms', '176 ms', '744 ms', '1.04 s', '52.6 MB', '14.6 s'],
      ...['0 B', '603 MB'],
    ]);
  });

  test('have each a name of their own, and a figure in the whole form with the soak', () => {
    const names = goals.map(({ what, layout }) => `${layout}: ${what}`);
    expect(new Set(names).size).toBe(names.length);
    const plan = planOf({ isQuick: false, hasSoak: true });
    const without = goals.filter(
      ({ from }) => !plan.some(({ options }) => hasFigure(options, from)),
    );
    expect(without).toEqual([]);
  });

  test('are those of the table in docs/claims.md', () => {
    const text = readFileSync(new URL('../../docs/claims.md', import.meta.url), 'utf8');
    const [, afterCommand = ''] = text.split('`npm run bench -- load');
    const [table = ''] = afterCommand.split('\n`');
    const rows = table.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
    // Beside the goal stands whether it is reached.
    const goalsIn = (column: number): ReadonlySet<string> =>
      new Set(
        rows.flatMap((cells) => (cells[column + 1] === 'reached' ? [] : (cells[column] ?? []))),
      );
    const known = (layout: Goal['layout']): readonly string[] =>
      goals
        .filter((goal) => goal.layout === layout && goal.from.bench === 'load')
        .map(({ atMost, unit }) => spell(atMost, unit));
    const written = { 'on-demand': goalsIn(3), eager: goalsIn(7) };
    expect([...known('on-demand')].filter((goal) => !written['on-demand'].has(goal))).toEqual([]);
    expect([...known('eager')].filter((goal) => !written.eager.has(goal))).toEqual([]);
  });
});

describe('a figure of the load', () => {
  const report = loadReport(6_000);
  test.each([
    ['all 1,000 configured, the last', { seen: 6_000, bare: 2_000 }],
    ['endpoint change that all get, p99', { seen: 30, bare: 20 }],
    ['endpoint change of each Service in turn, the last subscriber, p99', { seen: 31, bare: 20 }],
    ['route policy change, bytes', { seen: 500_000 }],
    // What carries no resource does not count.
    ['all reconnected, resource bytes', { seen: 70 }],
    ['resident after it all', { seen: 300e6 }],
    // That of connecting is none by a change.
    ['longest hold of the event loop by a change', { seen: 60 }],
  ])('%s is read where it stands', (what, reading) => {
    expect(seenIn(report, what)).toEqual(reading);
  });

  test('is not that of another control plane in the same run', () => {
    const other: LoadReport = {
      ...report,
      layouts: [{ ...layoutReport('on-demand', 9_000), build: 'other' }, ...report.layouts],
    };
    expect(seenIn(other, 'all 1,000 configured, the last')).toMatchObject({ seen: 6_000 });
  });

  test('is none where the report has no such row', () => {
    const empty: LoadReport = {
      ...report,
      layouts: [{ ...layoutReport('on-demand', 1), rows: [] }],
    };
    expect(seenIn(empty, 'endpoint change that all get, p99')).toBeUndefined();
    expect(readFigure(goalOf('endpoint change that all get, p99', 'eager'), empty)).toBeUndefined();
  });
});

test('a sidecar is held to its own memory, and what is shared is told', () => {
  const report: SidecarReport = {
    ...{ bench: 'sidecar', used: 10, runs: 3, machine },
    envoyAlone: { resident: 64e6, own: 14e6 },
    rows: [
      {
        ...{ services: 1_000, layout: 'on-demand', readyMs: 1, bytesReceived: 1, warmMs: 1 },
        ...{ ready: { resident: 0, own: 0 }, used: { resident: 73e6, own: 18e6 } },
        firstMs: { median: 8, p99: 12, worst: 20, samples: 300 },
        controlPlane: { bytes: 1, servingMs: 1 },
      },
    ],
  };
  const memory = 'sidecar above an empty Envoy, its own memory';
  expect(seenIn(report, `${memory}, 1,000 Services`)).toMatchObject({
    seen: 4e6,
    note: expect.stringContaining('9.0 MB'),
  });
  expect(seenIn(report, `${memory}, 100 Services`)).toBeUndefined();
});

describe('a verdict', () => {
  test('is of the median of the runs, and tells the lowest and the highest', () => {
    const readings = [9, 30, 8].map((seen, index) => ({ seen, bare: index }));
    expect(judge({ atMost: 10 }, readings)).toEqual({
      ...{ kind: 'seen', seen: 9, lowest: 8, highest: 30, runs: 3, isHeld: true, bare: 1 },
    });
    expect(judge({ atMost: 8.9 }, readings)).toMatchObject({ isHeld: false });
  });

  test('of nothing at most is held by nothing alone', () => {
    expect([0, 1].map((seen) => judge({ atMost: 0 }, [{ seen }]).isHeld)).toEqual([true, false]);
  });
});

interface Ran {
  readonly report: GoalsReport;
  readonly ran: readonly SuiteOptions['bench'][];
  readonly said: readonly string[];
}

async function runForm(
  isQuick: boolean,
  runSuite: RunSuite,
  interrupted: AbortSignal,
): Promise<Ran> {
  const said: string[] = [];
  const ran: SuiteOptions['bench'][] = [];
  const environment: BenchEnvironment = {
    ...{ envoy: '', interrupted },
    say: (text) => said.push(text),
  };
  const form = { isQuick, hasSoak: false };
  const suites = await runPlan(planOf(form), environment, (options, given) => {
    ran.push(options.bench);
    return runSuite(options, given);
  });
  const rows = judgeGoals(suites);
  const tally = tallyOf(rows);
  const report: GoalsReport = {
    bench: 'goals',
    ...form,
    rows,
    tally,
    suites,
    seconds: 600,
    machine,
  };
  return { report, ran, said };
}

function runQuick(
  runSuite: RunSuite,
  interrupted: AbortSignal = new AbortController().signal,
): Promise<Ran> {
  return runForm(true, runSuite, interrupted);
}

/** All but the load fail. */
const onlyLoad: RunSuite = ({ bench }) =>
  bench === 'load'
    ? Promise.resolve(loadReport(6_000))
    : Promise.reject(new Error(`${bench} broke\nin many lines`));

function rowOf({ rows }: GoalsReport, what: string, layout: Goal['layout']): GoalRow | undefined {
  return rows.find((row) => row.what === what && row.layout === layout);
}

describe('a bench that fails', () => {
  test('holds back no other, and its rows say why', async () => {
    const { report, ran, said } = await runQuick(onlyLoad);
    expect(ran).toEqual(['load', 'sync', 'sidecar', 'certificates']);
    expect(rowOf(report, 'endpoint change, one subscriber', 'on-demand')?.outcome).toEqual({
      kind: 'failed',
      why: 'sync --events 500: sync broke\nin many lines',
    });
    expect(rowOf(report, 'endpoint change that all get, p99', 'on-demand')?.outcome).toMatchObject({
      ...{ kind: 'seen', seen: 30, isHeld: true },
    });
    expect(said).toContain('sync --events 500: sync broke\nin many lines');
    expect(formatGoals(report)).toMatch(/one subscriber .* failed .* sync broke$/m);
  });

  test('is told from one that was interrupted, after which none begins', async () => {
    const interruption = new AbortController();
    const { report, ran } = await runQuick(() => {
      interruption.abort(new Error('interrupted'));
      return Promise.reject(new Error('connect ECONNREFUSED'));
    }, interruption.signal);
    expect(ran).toEqual(['load']);
    expect(new Set(report.suites.map(({ failure }) => failure))).toEqual(new Set(['interrupted']));
  });

  test('is given up when it does not end in its time', async () => {
    const [first] = planOf({ isQuick: true, hasSoak: false });
    if (first === undefined) throw new Error('an empty plan');
    const environment: BenchEnvironment = {
      ...{ envoy: '', say: () => undefined, interrupted: new AbortController().signal },
    };
    const never: RunSuite = (_, { interrupted }) =>
      new Promise((_resolve, reject) => {
        // The deadline itself keeps nothing running.
        const running = setInterval(() => undefined, 10);
        interrupted.addEventListener('abort', () => {
          clearInterval(running);
          reject(new Error('connect ECONNREFUSED'));
        });
      });
    const [done] = await runPlan([{ ...first, timeoutMs: 100 }], environment, never);
    // Jest's realm has another DOMException.
    expect(done?.failure).toMatch(/not done in 0\.1 s$/);
  });
});

describe('the table', () => {
  test('tells each goal’s figure, verdict, reference and bare server', async () => {
    const { report } = await runQuick(onlyLoad);
    const lines = formatGoals(report).split('\n');
    const line = (start: string): readonly string[] =>
      lines.filter((one) => one.startsWith(start)).map((one) => one.replace(/ {2,}/g, '|'));
    expect(line('all 1,000 configured, the last')).toEqual([
      'all 1,000 configured, the last|on-demand|6 s|7.19 s|yes|71.9 s|2 s',
      'all 1,000 configured, the last|eager|6 s|36 s|yes|71.9 s|2 s',
    ]);
    expect(line('longest hold of the event loop by a change')[0]).toMatch(/\|60 ms\|50 ms\|NO$/);
    expect(line('10,000 Services, start to serving')[0]).toMatch(
      /\|left out\|30 s\|-\|npm run bench -- sync --services 10000 --events 500$/,
    );
    expect(line('npm run bench -- load')[0]).toMatch(
      /--rounds 5 \(\d+ s\): 4\.9 \(worst 5\.5\) ms before and 4\.9 \(worst 5\.5\) ms after$/,
    );
    // By hand: 24 of the load, of which two holds and two resource bytes are too much.
    expect(lines.at(-1)).toBe('20 of 24 goals held; 11 left out; 7 failed to be measured');
  });

  test('tells the median of several runs, and from where to where they went', async () => {
    const configuredMs = [8_000, 7_000, 30_000];
    const { report } = await runForm(
      false,
      ({ bench }) =>
        bench === 'load'
          ? Promise.resolve(loadReport(configuredMs.shift() ?? 0))
          : Promise.reject(new Error('broke')),
      new AbortController().signal,
    );
    const text = formatGoals(report).replace(/ {2,}/g, '|');
    expect(text).toContain(
      'all 1,000 configured, the last|on-demand|8 s|7 s - 30 s|7.19 s|NO|71.9 s|2 s\n',
    );
    expect(text).toMatch(/^npm run bench -- load --rounds 10 \(0 s, 3 of 3 runs\): /m);
    expect(text).toMatch(/^npm run bench -- sync \(0 s, 0 of 3 runs\): -; failed: broke$/m);
  });

  test('ends with how many are held alone where all were measured', () => {
    expect(formatTally({ held: 1, seen: 2, failed: 0, leftOut: 0 })).toBe('1 of 2 goals held');
  });

  test.each([
    [0, 'bytes', '0 B'],
    [9_600, 'bytes', '9.6 kB'],
    [1_051_600, 'bytes', '1.05 MB'],
    [2.68e9, 'bytes', '2.68 GB'],
    [999_600, 'bytes', '1 MB'],
    [37.7, 'ms', '37.7 ms'],
    [999.9, 'ms', '1 s'],
    [71_900, 'ms', '71.9 s'],
    [2, 'percent', '2 %'],
    [1.25, 'times', '1.25x'],
  ] as const)('spells %p %s as %s', (value, unit, text) => {
    expect(spell(value, unit)).toBe(text);
  });
});

test('the JSON form has each row with its outcome, and each bench’s own report', async () => {
  const { report } = await runQuick(onlyLoad);
  const read = JSON.parse(JSON.stringify(report)) as GoalsReport;
  expect(read.tally).toEqual({ held: 20, seen: 24, failed: 7, leftOut: 11 });
  expect(read.rows[0]).toEqual({
    ...{ what: 'all 1,000 configured, the last', layout: 'on-demand', unit: 'ms' },
    ...{ atMost: 7_190, reference: 71_900 },
    from: { bench: 'load', figure: 'last', row: 'all configured' },
    outcome: {
      ...{ kind: 'seen', seen: 6_000, lowest: 6_000, highest: 6_000, runs: 1, isHeld: true },
      bare: 2_000,
    },
  });
  expect(read.suites[0]).toMatchObject({
    args: ['load', '--rounds', '5'],
    reports: [loadReport(6_000)],
  });
  expect(read).toMatchObject({ bench: 'goals', isQuick: true, machine: { cores: 2 } });
});

describe('the command line', () => {
  test('without a bench’s name means the goals', () => {
    expect(parseOptions([])).toEqual({
      ...{ bench: 'goals', isQuick: false, hasSoak: false, json: false },
    });
    expect(parseOptions(['--quick', '--json'])).toMatchObject({ isQuick: true, json: true });
    expect(parseOptions(['--soak'])).toMatchObject({ hasSoak: true });
  });

  test.each([
    [['--quick', '--soak'], 'expected --quick (less than 10 minutes) or --soak'],
    [['--rounds', '3'], "Unknown option '--rounds'"],
    [['--quick', 'load'], 'Unexpected argument'],
  ])('%j is answered with what is wrong', (args, text) => {
    expect(parseOptions(args)).toContain(text);
  });

  test('tells for what is left out how it is measured', () => {
    const what = 'an hour of changes: latency, last quarter to first';
    expect(commandOf(goalOf(what).from)).toBe('npm run bench -- soak');
  });
});
