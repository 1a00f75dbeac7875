/** The soak bench: a mesh that never rests, for an hour, and whether heap and latency stay what they were. */
import { readdir } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { BenchRun } from '../bench-mesh.js';
import { deadlineAfter } from '../deadline.js';
import { typeUrls } from '../../src/envoy/index.js';
import { publishedRoots, startControlPlane, type ControlPlane } from '../cluster/control-plane.js';
import { fillCluster, type FilledCluster } from '../cluster/filled.js';
import { createMover } from '../cluster/mover.js';
import { monotonicMs } from '../load/fleet.js';
import { startGenerator, type Generator } from '../load/generator-process.js';
import { clusterNameOf, createPolicy, planFor, planSidecars } from '../load/mesh.js';
import type { PlannedSidecar } from '../load/plan.js';
import { describeMachine, measureNoise, type Machine } from '../noise.js';
import type { SoakOptions } from '../options.js';
import { cpuMs } from '../processes.js';
import { metricOf } from '../prometheus.js';
import { startChurn, type Changes, type Churn } from './churn.js';

/** One look at the control plane. */
export interface SoakSample {
  /** Since all sidecars were connected. */
  readonly minutes: number;
  /** After a collection of everything that nobody holds. */
  readonly heapBytes: number;
  /** Of these, code that V8 has made. */
  readonly codeBytes: number;
  readonly externalBytes: number;
  readonly residentBytes: number;
  /** What Node's event loop waits for, and what the kernel counts as open files. */
  readonly handles: number;
  readonly files: number;
  readonly streams: number;
  /** So far. */
  readonly certificates: number;
  readonly endings: number;
  readonly cpuMs: number;
  readonly changes: Changes;
  /** Of each probe since the sample before: from the API server's answer to the arrival at the first sidecar. */
  readonly latencyMs: readonly number[];
}

/** What `--json` prints. */
export interface SoakReport {
  readonly bench: 'soak';
  readonly minutes: number;
  readonly services: number;
  readonly endpoints: number;
  readonly sidecars: number;
  readonly used: number;
  readonly samples: readonly SoakSample[];
  readonly machine: Machine;
}

const sampleMs = 10_000;
const probeMs = 200;
/** Beside the hour: filling, connecting, and a machine that is busy. */
const spareMs = 1_200_000;
const restMs = 5_000;
/** A change that takes longer is lost. */
const lostMs = 60_000;

/** How often a sidecar's stream is asked to come back, and its certificate made anew, both sooner than by default. */
const ages = ['--max-stream-age', '300', '--svid-ttl', '900'] as const;

interface Rig {
  readonly options: SoakOptions;
  readonly cluster: FilledCluster;
  readonly controlPlane: ControlPlane;
  readonly generator: Generator;
  readonly planned: readonly PlannedSidecar[];
  readonly say: (text: string) => void;
  readonly deadline: AbortSignal;
}

/** Runs the bench; rejects, with everything taken down, when something does not work. */
export async function benchSoak(
  options: SoakOptions,
  { say, interrupted }: BenchRun,
): Promise<SoakReport> {
  const { minutes, services, endpoints, sidecars, used } = options;
  const deadline = deadlineAfter(minutes * 60_000 + spareMs, interrupted);
  const before = measureNoise();
  const filling = { services, endpointsPerService: endpoints };
  const cluster = await fillCluster(filling, { say, interrupted });
  let controlPlane: ControlPlane | undefined;
  let generator: Generator | undefined;
  try {
    await createPolicy(cluster);
    controlPlane = await startControlPlane(cluster, deadline, {
      hasHeapProbe: true,
      arguments: ages,
    });
    const planned = withProbe(await planSidecars(cluster, options, 'on-demand'), services - 1);
    const roots = await publishedRoots(cluster, deadline);
    generator = await startGenerator(planFor(controlPlane.address, roots, planned), deadline);
    say(`connecting ${String(sidecars)} sidecars`);
    await generator.connect();
    await pause(restMs);
    const rig = { options, cluster, controlPlane, generator, planned, say, deadline };
    const samples = await measure(rig);
    const sizes = { minutes, services, endpoints, sidecars, used };
    return { bench: 'soak', ...sizes, samples, machine: describeMachine(before) };
  } finally {
    await generator?.stop();
    await controlPlane?.stop();
    await cluster.stop();
  }
}

/** The last Service is used by the first sidecar alone: what changes there is the probe. */
function withProbe(planned: readonly PlannedSidecar[], probed: number): readonly PlannedSidecar[] {
  const name = clusterNameOf(probed);
  return planned.map((one, index) => {
    const uses = one.uses.filter((used) => used !== name);
    return { ...one, uses: index === 0 ? [...uses, name] : uses };
  });
}

async function measure(rig: Rig): Promise<readonly SoakSample[]> {
  const { options, generator, deadline, say } = rig;
  const over = new AbortController();
  const churn = startChurn({
    ...{ cluster: rig.cluster, generator, planned: rig.planned, sizes: options },
    signal: AbortSignal.any([deadline, over.signal]),
  });
  const startedAt = monotonicMs();
  const sampling = (async (): Promise<readonly SoakSample[]> => {
    const probe = createProbe(rig);
    const samples: SoakSample[] = [];
    const count = options.minutes * (60_000 / sampleMs);
    for (let endings = 0; samples.length < count;) {
      const dueAt = startedAt + (samples.length + 1) * sampleMs;
      const latencyMs: number[] = [];
      while (monotonicMs() < dueAt) {
        deadline.throwIfAborted();
        latencyMs.push(await probe());
        await pause(Math.max(0, Math.min(probeMs, dueAt - monotonicMs())));
      }
      endings += await generator.endings();
      const minutes = (monotonicMs() - startedAt) / 60_000;
      samples.push({ minutes, latencyMs, endings, ...(await look(rig, churn)) });
      if (samples.length % 30 === 0)
        say(`${minutes.toFixed(0)} minutes of ${String(options.minutes)}`);
    }
    return samples;
  })();
  try {
    // The churn ends before by a failure alone.
    return await Promise.race([sampling, churn.ended.then(() => sampling)]);
  } finally {
    over.abort();
    await churn.ended.catch(() => undefined);
  }
}

/** Moves the probed Service's endpoint; resolves to the milliseconds until the first sidecar has it. */
function createProbe({ options, cluster, generator, deadline }: Rig): () => Promise<number> {
  const probed = options.services - 1;
  const move = createMover(cluster, options.endpoints);
  const name = clusterNameOf(probed);
  return async () => {
    const { holders, arrived } = await generator.expect(typeUrls.endpoint, name);
    if (holders !== 1)
      throw new Error(`expected one sidecar that uses the last Service, found ${String(holders)}`);
    await move(probed);
    const answeredAt = monotonicMs();
    const [arrivedAt = Number.NaN] = await inTime(arrived, deadline);
    return Math.max(0, arrivedAt - answeredAt);
  };
}

/** Rejects when a change does not arrive at all. */
async function inTime<T>(arrived: Promise<T>, deadline: AbortSignal): Promise<T> {
  const over = new AbortController();
  const signal = AbortSignal.any([deadline, over.signal]);
  const lost = pause(lostMs, undefined, { signal }).then(() => {
    throw new Error(`a change of endpoints has not arrived in ${String(lostMs / 1000)} s`);
  });
  return Promise.race([arrived, lost]).finally(() => {
    over.abort();
  });
}

async function look(
  { controlPlane, generator }: Rig,
  churn: Churn,
): Promise<Omit<SoakSample, 'minutes' | 'latencyMs' | 'endings'>> {
  const { pid } = controlPlane.child;
  // Nobody wants them; they would fill the generator.
  await generator.record();
  const { heapUsed, code, external, rss, handles } = await controlPlane.heap();
  const metrics = await controlPlane.metrics();
  return {
    ...{ heapBytes: heapUsed, codeBytes: code, externalBytes: external, residentBytes: rss },
    handles,
    files: (await readdir(`/proc/${String(pid)}/fd`)).length,
    streams: metricOf(metrics, 'skerry_streams'),
    certificates: metricOf(metrics, 'skerry_certificates_issued_total'),
    cpuMs: await cpuMs(pid),
    changes: churn.changes(),
  };
}
