/** What happens to the sidecars of a load bench, and what each costs, beside the floor of the same run. */
import { setTimeout as pause } from 'node:timers/promises';
import { typeUrls } from '../../src/envoy/index.js';
import type { ControlPlane } from '../cluster/control-plane.js';
import { cpuMs, peakBytes, residentBytes, resetPeak } from '../processes.js';
import { stallMsIn } from '../prometheus.js';
import { median, percentile } from '../statistics.js';
import type { BareServer } from './bare-server-process.js';
import { monotonicMs } from './fleet.js';
import type { Generator } from './generator-process.js';
import type { Counts } from './plan.js';

/** Times of one thing that was done to all, in milliseconds. */
export interface Times {
  /** Over all sidecars and rounds. */
  readonly p50: number;
  readonly p99: number;
  /** When the last sidecar was done; median of the rounds. */
  readonly last: number;
}

/** The same bytes to the same sidecars from a server that thinks about nothing. */
export interface Floor extends Times {
  /** CPU of that server, in milliseconds a round. */
  readonly cpuMs: number;
}

/** What the rows are called. */
export const rowNames = {
  configured: 'all configured',
  endpoint: 'endpoint change',
  rareEndpoint: 'of a Service few use',
  eachEndpoint: 'of each Service in turn',
  policy: 'route policy change',
  reconnected: 'all reconnected, nothing changed',
} as const;

/** One row. */
export interface Row {
  readonly what: string;
  /** Whom it reached. */
  readonly sidecars: number;
  readonly rounds: number;
  readonly times: Times;
  /** CPU of the control plane, in milliseconds a round. */
  readonly cpuMs: number;
  /** CPU of the generator, a round. */
  readonly generatorCpuMs: number;
  /** What arrived, of all rounds. */
  readonly counts: Counts;
  /** Longest time that the control plane's event loop was held, in milliseconds. */
  readonly stallMs: number;
  /** Resident memory of the control plane after it, and the most in it. */
  readonly bytesAfter: number;
  readonly bytesPeak: number;
  /** Streams that ended and were opened again. */
  readonly retries: number;
  readonly floor: Floor;
}

/** What is measured. */
export interface LoadRig {
  readonly controlPlane: ControlPlane;
  readonly generator: Generator;
  /** Its sidecars are all like the generator's first, and it is connected to the bare server. */
  readonly floor: { readonly generator: Generator; readonly server: BareServer };
}

/** What comes late of a round, and what a node process does after it, is over by then. */
const settleMs = 300;
const settleAfterAllMs = 1_000;

/** Of the milliseconds of each sidecar, round by round. */
export function timesOf(rounds: readonly (readonly number[])[]): Times {
  const all = rounds.flat();
  return {
    p50: percentile(all, 0.5),
    p99: percentile(all, 0.99),
    last: median(rounds.map((ms) => percentile(ms, 1))),
  };
}

/** Bytes, resources and responses of all types together. */
export function totalOf(counts: Counts): Counts[string] {
  const total = { responses: 0, resources: 0, bytes: 0 };
  for (const { responses, resources, bytes } of Object.values(counts)) {
    total.responses += responses;
    total.resources += resources;
    total.bytes += bytes;
  }
  return total;
}

/** Bytes of responses of the types of which a resource was sent; none where nobody was sent any. */
export function resourceBytesOf(counts: Counts): number {
  const sent = Object.values(counts).filter(({ resources }) => resources > 0);
  return sent.reduce((total, { bytes }) => total + bytes, 0);
}

interface Measured<T> {
  readonly result: T;
  readonly cost: Omit<Row, 'what' | 'sidecars' | 'rounds' | 'times' | 'floor' | 'retries'>;
}

async function measured<T>(rig: LoadRig, task: () => Promise<T>): Promise<Measured<T>> {
  const { controlPlane, generator } = rig;
  const { pid } = controlPlane.child;
  await generator.count();
  await generator.record();
  await resetPeak(pid);
  await controlPlane.metrics();
  const before = { cpu: await cpuMs(pid), generator: await cpuMs(generator.pid) };
  const result = await task();
  await pause(settleAfterAllMs);
  return {
    result,
    cost: {
      cpuMs: (await cpuMs(pid)) - before.cpu,
      generatorCpuMs: (await cpuMs(generator.pid)) - before.generator,
      counts: await generator.count(),
      stallMs: stallMsIn(await controlPlane.metrics()),
      bytesAfter: await residentBytes(pid),
      bytesPeak: await peakBytes(pid),
    },
  };
}

async function floorOf(server: BareServer, task: () => Promise<Times>): Promise<Floor> {
  const before = await cpuMs(server.pid);
  const times = await task();
  await pause(settleMs);
  return { ...times, cpuMs: (await cpuMs(server.pid)) - before };
}

/** All connect at once, with nothing or with what they hold. */
export async function measureConnect(rig: LoadRig, how: 'connect' | 'reconnect'): Promise<Row> {
  const { generator, floor } = rig;
  const { result, cost } = await measured(rig, () => generator[how]());
  await floor.server.serve(await generator.record());
  const bare = await floorOf(floor.server, async () =>
    timesOf([(await floor.generator[how]()).ms]),
  );
  return {
    what: how === 'connect' ? rowNames.configured : rowNames.reconnected,
    ...{ sidecars: result.ms.length, rounds: 1, times: timesOf([result.ms]), ...cost },
    ...{ retries: result.retries, floor: bare },
  };
}

/** A change that is made again and again. */
export interface LoadChange {
  readonly what: string;
  /** Of what every sidecar concerned gets, with a part of its name. */
  readonly typeUrl: string;
  readonly name: string;
  /** Resolves when the API server has answered. */
  readonly make: (round: number) => Promise<void>;
}

/** Makes a change in rounds, each when the one before has arrived everywhere. */
export async function measureChange(
  rig: LoadRig,
  change: LoadChange,
  rounds: number,
): Promise<Row> {
  const { generator, floor } = rig;
  let sidecars = 0;
  const { result, cost } = await measured(rig, async () => {
    const all: (readonly number[])[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const { holders, arrived } = await generator.expect(change.typeUrl, change.name);
      if (holders === 0) throw new Error(`${change.what}: no sidecar holds ${change.name}`);
      await change.make(round);
      const answeredAt = monotonicMs();
      all.push((await arrived).map((atMs) => Math.max(0, atMs - answeredAt)));
      sidecars = holders;
      await pause(settleMs);
    }
    return all;
  });
  const response = (await generator.record()).at(-1);
  if (response === undefined) throw new Error(`${change.what}: the first sidecar got nothing`);
  const bare = await floorOf(floor.server, async () => {
    const all: (readonly number[])[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const { arrived } = await floor.generator.expect(change.typeUrl, change.name, sidecars);
      const writtenAt = monotonicMs();
      await floor.server.push(response, sidecars);
      all.push((await arrived).map((atMs) => atMs - writtenAt));
      await pause(settleMs);
    }
    return timesOf(all);
  });
  return {
    ...{ what: change.what, sidecars, rounds, times: timesOf(result), ...cost },
    cpuMs: cost.cpuMs / rounds,
    generatorCpuMs: cost.generatorCpuMs / rounds,
    retries: 0,
    floor: { ...bare, cpuMs: bare.cpuMs / rounds },
  };
}

/**
 * Makes each of these changes of endpoints once, when the one before has arrived; times are of each
 * change's last subscriber, over the changes that have one. A change that nobody gets costs, and is counted.
 */
export async function measureEach(
  rig: LoadRig,
  what: string,
  changes: readonly LoadChange[],
): Promise<Row> {
  const { generator, floor } = rig;
  const reached: number[] = [];
  const { result, cost } = await measured(rig, async () => {
    const lasts: number[] = [];
    for (const [index, change] of changes.entries()) {
      const { holders, arrived } = await generator.expect(change.typeUrl, change.name);
      await change.make(index);
      const answeredAt = monotonicMs();
      const times = await arrived;
      if (holders === 0) continue;
      lasts.push(Math.max(0, percentile(times, 1) - answeredAt));
      reached.push(holders);
    }
    return lasts;
  });
  const response = (await generator.record()).at(-1);
  if (response === undefined) throw new Error(`${what}: the first sidecar got nothing`);
  const bare = await floorOf(floor.server, async () => {
    const lasts: number[] = [];
    for (const holders of reached) {
      const { arrived } = await floor.generator.expect(typeUrls.endpoint, '', holders);
      const writtenAt = monotonicMs();
      await floor.server.push(response, holders);
      lasts.push(percentile(await arrived, 1) - writtenAt);
    }
    return timesOf(lasts.map((ms) => [ms]));
  });
  const rounds = changes.length;
  return {
    ...{
      what,
      sidecars: median(reached),
      rounds,
      times: timesOf(result.map((ms) => [ms])),
      ...cost,
    },
    ...{ cpuMs: cost.cpuMs / rounds, generatorCpuMs: cost.generatorCpuMs / rounds, retries: 0 },
    floor: { ...bare, cpuMs: bare.cpuMs / rounds },
  };
}

/** Where a policy's routes travel: a virtual host of its own. */
export const policyType = typeUrls.virtualHost;
