/** The budget bench: what one Service, pod, endpoint and stream more takes of a control plane's heap. */
import { deadlineAfter } from '../deadline.js';
import { setTimeout as pause } from 'node:timers/promises';
import type { BenchRun } from '../bench-mesh.js';
import { formatTable } from '../../src/cli/index.js';
import { publishedRoots, startControlPlane, type ControlPlane } from '../cluster/control-plane.js';
import {
  createPod,
  createService,
  createSlice,
  fillCluster,
  inParallel,
  type FilledCluster,
} from '../cluster/filled.js';
import { startGenerator, type Generator } from '../load/generator-process.js';
import { planFor, planSidecars } from '../load/mesh.js';
import { describeMachine, formatMachine, measureNoise, type Machine } from '../noise.js';
import type { BudgetOptions } from '../options.js';
import { metricOf } from '../prometheus.js';
import { fitLine, type Line, type Point } from '../statistics.js';
import { budgets, type Budgeted } from './limits.js';

/** One kind of thing. */
export interface BudgetRow {
  readonly what: Budgeted;
  /** How many there were, and what was alive in the heap. */
  readonly points: readonly Point[];
  /** Live bytes for each, with two standard errors. */
  readonly bytes: number;
  readonly uncertainty: number;
  readonly budget: number;
}

/** What `--json` prints. */
export interface BudgetReport {
  readonly bench: 'budget';
  readonly rows: readonly BudgetRow[];
  readonly machine: Machine;
}

interface Rig {
  readonly cluster: FilledCluster;
  readonly controlPlane: ControlPlane;
  readonly deadline: AbortSignal;
}

/** Sizes at which each kind is measured, besides none. */
const steps = 3;
/** There from the beginning, so that no code runs for the first time when it counts. */
const firstServices = 50;
const endpointsPerService = 5;
const timeoutMs = 900_000;
const quietMs = 1_000;

/** Runs the bench; rejects, with everything taken down, when something does not work. */
export async function benchBudget(
  { services, sidecars }: BudgetOptions,
  { say, interrupted }: BenchRun,
): Promise<BudgetReport> {
  const deadline = deadlineAfter(timeoutMs, interrupted);
  const before = measureNoise();
  const filling = { services: firstServices, endpointsPerService, later: services };
  const cluster = await fillCluster(filling, { say, interrupted });
  const generators: Generator[] = [];
  let controlPlane: ControlPlane | undefined;
  try {
    controlPlane = await startControlPlane(cluster, deadline, { hasHeapProbe: true });
    const rig: Rig = { cluster, controlPlane, deadline };
    const rows: BudgetRow[] = [];
    for (const stage of stagesOf(rig, { services, sidecars }, generators)) {
      say(`one ${stage.what} more, ${String(steps * stage.count)} times`);
      rows.push(await measureStage(rig, stage));
    }
    return { bench: 'budget', rows, machine: describeMachine(before) };
  } finally {
    for (const generator of generators) await generator.stop();
    await controlPlane?.stop();
    await cluster.stop();
  }
}

/** Things of one kind, which come step by step. */
interface Stage {
  readonly what: Budgeted;
  /** In each step. */
  readonly count: number;
  readonly add: (step: number) => Promise<void>;
  /** The first step's things are the ground on which the others are measured. */
  readonly isFirstGround?: boolean;
}

function stagesOf(
  rig: Rig,
  sizes: { readonly services: number; readonly sidecars: number },
  generators: Generator[],
): readonly Stage[] {
  const { client } = rig.cluster;
  const each = sizes.services / steps;
  const streams = sizes.sidecars / steps;
  const forServices = async (step: number, make: (index: number) => Promise<void>): Promise<void> =>
    inParallel(each, (index) => make(firstServices + step * each + index));
  return [
    {
      ...{ what: 'Service', count: each },
      add: (step) => forServices(step, (index) => createService(client, index)),
    },
    {
      ...{ what: 'pod', count: each * endpointsPerService },
      add: (step) =>
        forServices(step, async (index) => {
          for (let replica = 0; replica < endpointsPerService; replica += 1) {
            await createPod(client, index, { replica, endpoints: endpointsPerService });
          }
        }),
    },
    {
      ...{ what: 'endpoint', count: each * endpointsPerService },
      add: (step) => forServices(step, (index) => createSlice(client, index, endpointsPerService)),
    },
    {
      ...{ what: 'stream', count: streams, isFirstGround: true },
      add: async (step) => {
        generators.push(await connectSidecars(rig, sizes, { from: step * streams, streams }));
      },
    },
  ];
}

async function connectSidecars(
  { cluster, controlPlane, deadline }: Rig,
  sizes: { readonly services: number; readonly sidecars: number },
  { from, streams }: { readonly from: number; readonly streams: number },
): Promise<Generator> {
  const all = {
    services: firstServices + sizes.services,
    ...{ endpoints: endpointsPerService, sidecars: from + streams, used: 10 },
  };
  const planned = (await planSidecars(cluster, all, 'on-demand')).slice(from);
  const roots = await publishedRoots(cluster, deadline);
  const plan = planFor(controlPlane.address, roots, planned);
  const generator = await startGenerator(plan, deadline);
  await generator.connect();
  return generator;
}

async function measureStage(
  rig: Rig,
  { what, count, add, isFirstGround }: Stage,
): Promise<BudgetRow> {
  const points: Point[] = [];
  const look = async (x: number): Promise<void> => {
    points.push({ x, y: await liveBytes(rig) });
  };
  if (isFirstGround !== true) await look(0);
  for (let step = 0; step < steps; step += 1) {
    await add(step);
    await look((step + 1) * count);
  }
  const { slope, uncertainty }: Line = fitLine(points);
  return { what, points, bytes: slope, uncertainty, budget: budgets[what] };
}

/** Of the heap and of what it holds outside, when the last change has been worked through. */
async function liveBytes({ controlPlane, deadline }: Rig): Promise<number> {
  const generation = async (): Promise<number> =>
    metricOf(await controlPlane.metrics(), 'skerry_generation');
  for (let known = await generation(); ;) {
    await pause(quietMs, undefined, { signal: deadline });
    const now = await generation();
    if (now === known) break;
    known = now;
  }
  const { heapUsed, external } = await controlPlane.heap();
  return heapUsed + external;
}

/** The report as text. */
export function formatBudget({ rows, machine }: BudgetReport): string {
  const table = rows.map(({ what, points, bytes, uncertainty, budget }) => [
    ...[what, String(points[0]?.x ?? 0), String(points.at(-1)?.x ?? 0)],
    ...[bytes.toFixed(0), uncertainty.toFixed(0), String(budget)],
    bytes <= budget ? 'yes' : 'NO',
  ]);
  return [
    'Live bytes of the control plane’s heap, and outside of it what its buffers hold, after a forced collection, for one thing more; a line through four sizes (streams: three).',
    'An endpoint bears its share of a slice of five, a stream that of what its ten Services take (on demand). What TLS takes below Node is in none of them.',
    '',
    formatTable(['FOR EACH', 'FROM', 'TO', 'BYTES', 'GIVE OR TAKE', 'BUDGET', 'WITHIN'], table),
    '',
    formatMachine(machine),
  ].join('\n');
}
