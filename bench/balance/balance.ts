/** Measures which server gets a call where one of three is ten times slower: the default beside RoundRobin, in turns. */
import { waitFor, type Mesh } from '../../demo/rig/index.js';
import { formatTable } from '../../src/cli/index.js';
import { readinessPort } from '../../src/sidecar/index.js';
import { withMesh, type BenchEnvironment } from '../bench-mesh.js';
import { describeMachine, formatMachine, measureNoise, type Machine } from '../noise.js';
import type { BalanceOptions } from '../options.js';
import { placeFortio, runLoad } from '../request/fortio.js';
import { median } from '../statistics.js';
import {
  balanceMesh,
  caller,
  scenarios,
  serversOf,
  serviceMs,
  serviceOf,
  slowness,
  variants,
  type Scenario,
  type Variant,
} from './manifests.js';

/** What one variant showed in one round. */
export interface BalanceSample {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly perSecond: number;
  /** Of all calls, those that met the slow server, 0 to 1. */
  readonly slowShare: number;
}

/** All rounds of one scenario. */
export interface BalanceRow extends Scenario {
  readonly variants: readonly {
    readonly name: string;
    readonly samples: readonly BalanceSample[];
  }[];
}

/** What `--json` prints. */
export interface BalanceReport extends Omit<BalanceOptions, 'json'> {
  readonly serviceMs: number;
  readonly slowness: number;
  readonly rows: readonly BalanceRow[];
  readonly machine: Machine;
}

/** Runs the bench; rejects, with everything taken down, when a request fails. */
export async function benchBalance(
  options: BalanceOptions,
  environment: BenchEnvironment,
): Promise<BalanceReport> {
  const { envoy, say, interrupted } = environment;
  const { bench, seconds, rounds } = options;
  const fortio = process.env['SKERRY_FORTIO'];
  if (fortio === undefined) throw new Error('SKERRY_FORTIO names no load tool: use npm run bench');
  const before = measureNoise();
  const rows = await withMesh(
    {
      envoy,
      files: { 'mesh.yaml': balanceMesh() },
      startWith: ({ name }) => name !== 'caller',
      onStep: say,
    },
    async (mesh) => {
      const tool = await placeFortio(fortio, mesh.runDirectory);
      // Without an app: the load tool runs there.
      await mesh.startPod(caller);
      await untilReady(mesh, caller);
      const found: BalanceRow[] = [];
      for (const scenario of scenarios) {
        interrupted.throwIfAborted();
        say(scenario.name);
        found.push(await measureScenario(scenario, { mesh, tool }, options, interrupted));
      }
      return found;
    },
  );
  return { bench, seconds, rounds, serviceMs, slowness, rows, machine: describeMachine(before) };
}

async function untilReady(mesh: Mesh, key: string): Promise<void> {
  const url = `http://${mesh.pod(key).manifest.ip}:${readinessPort}/ready`;
  await waitFor({ what: `readiness of ${key}`, timeoutMs: 60_000 }, async () => {
    const { status } = await mesh.prober.http({ url, timeoutMs: 2000 });
    return status === 200 ? true : undefined;
  });
}

interface Bed {
  readonly mesh: Mesh;
  readonly tool: string;
}

async function measureScenario(
  scenario: Scenario,
  bed: Bed,
  options: BalanceOptions,
  interrupted: AbortSignal,
): Promise<BalanceRow> {
  const samples = variants.map((variant) => ({ variant, samples: [] as BalanceSample[] }));
  // Connections and the clusters on demand are not what is measured.
  for (const { variant } of samples) await measure(scenario, variant, bed, 1);
  for (let round = 0; round < options.rounds; round += 1) {
    // The one that comes first changes, so that a drift of the machine favours none.
    for (const each of round % 2 === 0 ? samples : samples.toReversed()) {
      interrupted.throwIfAborted();
      each.samples.push(await measure(scenario, each.variant, bed, options.seconds));
    }
  }
  return {
    ...scenario,
    variants: samples.map(({ variant, samples: own }) => ({ name: variant.name, samples: own })),
  };
}

async function measure(
  scenario: Scenario,
  variant: Variant,
  { mesh, tool }: Bed,
  seconds: number,
): Promise<BalanceSample> {
  const { rate, connections } = scenario;
  const { name, ip } = serviceOf(scenario, variant);
  const target = [`http://${name}.bench/`];
  const from = await callsByServer(mesh, scenario, ip);
  const load = await runLoad(mesh.pod(caller), tool, { rate, connections, seconds, target });
  const to = await callsByServer(mesh, scenario, ip);
  const calls = to.map((count, index) => count - (from[index] ?? 0));
  const total = calls.reduce((sum, count) => sum + count, 0);
  const { p50Ms, p99Ms, perSecond } = load;
  return { p50Ms, p99Ms, perSecond, slowShare: (calls.at(-1) ?? 0) / total };
}

/** Calls that the caller's sidecar has sent to each server of a Service, by its own counters. */
async function callsByServer(
  mesh: Mesh,
  scenario: Scenario,
  service: string,
): Promise<readonly number[]> {
  const { sidecar } = mesh.pod(caller);
  if (sidecar === undefined) throw new Error(`${caller} has no sidecar`);
  const text = await sidecar.admin('/clusters');
  return serversOf(scenario).map(({ ip }) => {
    const start = `http|${service}:80::${ip}:8080::rq_total::`;
    const line = text.split('\n').find((each) => each.startsWith(start));
    return Number(line?.slice(start.length) ?? 0);
  });
}

const columns: readonly (readonly [
  head: string,
  of: (sample: BalanceSample) => number,
  digits: number,
])[] = [
  ['P50 MS', ({ p50Ms }) => p50Ms, 1],
  ['P99 MS', ({ p99Ms }) => p99Ms, 1],
  ['A SECOND', ({ perSecond }) => perSecond, 0],
  ['TO THE SLOW ONE, %', ({ slowShare }) => slowShare * 100, 1],
];

/** The report as text. */
export function formatBalance(report: BalanceReport): string {
  const { rounds, seconds } = report;
  const rows = report.rows.flatMap(({ name, variants: own }) => {
    const [base, ...others] = own;
    if (base === undefined) return [];
    return [
      [name, base.name, ...cells(base.samples)],
      ...others.flatMap((other) => [
        ['', other.name, ...cells(other.samples)],
        ['', 'ratio', ...ratios(base.samples, other.samples)],
      ]),
    ];
  });
  const [first, second, third] = [
    report.serviceMs,
    report.serviceMs,
    report.serviceMs * report.slowness,
  ];
  return [
    formatTable(['LOAD', '', ...columns.map(([head]) => head)], rows),
    '',
    `three servers, of which a call takes ${String(first)}, ${String(second)} and ${String(third)} ms; medians of ${String(rounds)} rounds of ${String(seconds)} s`,
    ...report.rows.map(sayLoad),
    'ratio: to RoundRobin, the median over the rounds, each of which has both',
    formatMachine(report.machine),
  ].join('\n');
}

function sayLoad({ name, rate, connections, workers }: BalanceRow): string {
  const pace = rate === 0 ? 'as fast as answers come' : `${String(rate)} requests a second`;
  const servers =
    workers === 0 ? 'no call waits for another' : `each server does ${String(workers)} at a time`;
  return `${name}: ${pace} over ${String(connections)} connections; ${servers}`;
}

function cells(samples: readonly BalanceSample[]): readonly string[] {
  return columns.map(([, of, digits]) => median(samples.map(of)).toFixed(digits));
}

function ratios(
  base: readonly BalanceSample[],
  other: readonly BalanceSample[],
): readonly string[] {
  return columns.map(([, of]) => {
    const each = other.map((sample, round) => {
      const beside = base[round];
      return beside === undefined ? Number.NaN : of(sample) / of(beside);
    });
    return median(each).toFixed(2);
  });
}
