/** The load bench: simulated sidecars on a real control plane with a real API server, on demand beside eager. */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { BenchRun } from '../bench-mesh.js';
import { typeUrls } from '../../src/envoy/index.js';
import { publishedRoots, startControlPlane, type ControlPlane } from '../cluster/control-plane.js';
import { fillCluster, type FilledCluster } from '../cluster/filled.js';
import { createMover } from '../cluster/mover.js';
import { vipOf } from '../cluster/objects.js';
import { deadlineAfter } from '../deadline.js';
import { describeMachine, measureNoise } from '../noise.js';
import type { LoadOptions } from '../options.js';
import { residentBytes } from '../processes.js';
import { startBareServer } from './bare-server-process.js';
import { startGenerator } from './generator-process.js';
import {
  changePolicy,
  clusterNameOf,
  createPolicy,
  favourite,
  planFor,
  planSidecars,
  rarelyUsed,
} from './mesh.js';
import {
  measureChange,
  measureConnect,
  measureEach,
  policyType,
  rowNames,
  type LoadChange,
  type LoadRig,
  type Row,
} from './phases.js';
import type { PlannedSidecar } from './plan.js';
import type { LayoutReport, LoadReport } from './report.js';

/** A layout is given up after this. */
const layoutTimeoutMs = 1_800_000;
/** What the control plane does after its start is over by then. */
const restMs = 5_000;

/** Things to take down, the last first. */
function createStack(): { add(stop: () => Promise<void>): void; unwind(): Promise<void> } {
  const stops: (() => Promise<void>)[] = [];
  return {
    add: (stop) => stops.push(stop),
    unwind: async () => {
      for (const stop of stops.reverse()) await stop();
    },
  };
}

/** Runs the bench; rejects, with everything taken down, when something does not work. */
export async function benchLoad(options: LoadOptions, environment: BenchRun): Promise<LoadReport> {
  const { services, endpoints, sidecars, used } = options;
  const before = measureNoise();
  const cluster = await fillCluster({ services, endpointsPerService: endpoints }, environment);
  try {
    await createPolicy(cluster);
    // One for all layouts and builds: an endpoint that moves to where it is tells nobody anything.
    const mesh = { cluster, move: createMover(cluster, endpoints) };
    const layouts: LayoutReport[] = [];
    for (const layout of options.layouts) {
      for (const build of buildsOf(options)) {
        layouts.push(await measureLayout(mesh, { layout, build }, options, environment));
      }
    }
    return {
      bench: 'load',
      ...{ services, endpoints, sidecars, used, layouts, machine: describeMachine(before) },
    };
  } finally {
    await cluster.stop();
  }
}

function buildsOf({ against }: LoadOptions): readonly LayoutReport['build'][] {
  return against === undefined ? ['this'] : ['other', 'this'];
}

/** The cluster that is measured, and how its endpoints move. */
interface MovingMesh {
  readonly cluster: FilledCluster;
  readonly move: ReturnType<typeof createMover>;
}

async function measureLayout(
  { cluster, move }: MovingMesh,
  { layout, build }: Pick<LayoutReport, 'layout' | 'build'>,
  options: LoadOptions,
  { say, interrupted }: BenchRun,
): Promise<LayoutReport> {
  const deadline = deadlineAfter(layoutTimeoutMs, interrupted);
  const stack = createStack();
  try {
    say(
      `${layout}, ${build} build: the control plane and ${String(options.sidecars)} sidecars start`,
    );
    const controlPlane = await startControlPlane(cluster, deadline, {
      ...{ outbound: layout, profile: options.profile },
      ...(build === 'other' && { skerry: join(options.against ?? '', 'dist', 'skerry.js') }),
    });
    stack.add(() => controlPlane.stop());
    await pause(restMs);
    const restBytes = await residentBytes(controlPlane.child.pid);
    const planned = await planSidecars(cluster, options, layout);
    const rig = await openRig({ cluster, controlPlane, planned, deadline }, stack);
    const rows = await measureRows(rig, { cluster, move }, { ...options, layout }, say);
    return { layout, build, restBytes, rows };
  } finally {
    await stack.unwind();
  }
}

async function openRig(
  from: {
    readonly cluster: FilledCluster;
    readonly controlPlane: ControlPlane;
    readonly planned: readonly PlannedSidecar[];
    readonly deadline: AbortSignal;
  },
  stack: ReturnType<typeof createStack>,
): Promise<LoadRig> {
  const { cluster, controlPlane, planned, deadline } = from;
  const roots = await publishedRoots(cluster, deadline);
  const generator = await startGenerator(planFor(controlPlane.address, roots, planned), deadline);
  stack.add(() => generator.stop());
  const server = await startBareServer();
  stack.add(() => server.stop());
  const [first] = planned;
  // What the first sidecar was sent is what each of these is sent.
  const alike = planned.flatMap(() => first ?? []);
  const address = `127.0.0.1:${String(server.port)}`;
  const floor = await startGenerator(planFor(address, server.roots, alike), deadline);
  stack.add(() => floor.stop());
  return { controlPlane, generator, floor: { generator: floor, server } };
}

async function measureRows(
  rig: LoadRig,
  { cluster, move }: MovingMesh,
  { layout, ...options }: LoadOptions & Pick<LayoutReport, 'layout'>,
  say: (text: string) => void,
): Promise<readonly Row[]> {
  const has = (suite: LoadOptions['suites'][number]): boolean => options.suites.includes(suite);
  say('connecting all');
  const rows = [await measureConnect(rig, 'connect')];
  if (has('churn')) {
    say('changing endpoints');
    const endpointOf = (what: string, service: number): LoadChange => ({
      ...{ what, typeUrl: typeUrls.endpoint, name: clusterNameOf(service) },
      make: () => move(service),
    });
    const moves = [endpointOf(rowNames.endpoint, favourite)];
    if (layout === 'on-demand') {
      moves.push(endpointOf(rowNames.rareEndpoint, rarelyUsed(options)));
    }
    for (const change of moves) rows.push(await measureChange(rig, change, options.rounds));
    if (layout === 'on-demand') {
      say('moving an endpoint of each Service');
      const each = Array.from({ length: options.services }, (_, service) =>
        endpointOf(rowNames.eachEndpoint, service),
      );
      rows.push(await measureEach(rig, rowNames.eachEndpoint, each));
    }
    say('changing a route policy');
    const route = {
      ...{ what: rowNames.policy, typeUrl: policyType, name: vipOf(favourite) },
      make: (round: number) => changePolicy(cluster, round),
    };
    rows.push(await measureChange(rig, route, options.rounds));
  }
  if (has('reconnect')) {
    say('reconnecting all');
    rows.push(await measureConnect(rig, 'reconnect'));
  }
  return rows;
}
