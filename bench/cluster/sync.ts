/** Measures how a control plane follows a real API server: time to serve, memory, changes under a storm of events. */
import { formatTable } from '../../src/cli/index.js';
import { describeMachine, formatMachine, measureNoise, type Machine } from '../noise.js';
import type { SyncOptions } from '../options.js';
import { cpuMs, residentBytes } from '../processes.js';
import { median, percentile, worst } from '../statistics.js';
import { publishedRoots, startControlPlane, type ControlPlane } from './control-plane.js';
import { fillCluster, inParallel, type FilledCluster } from './filled.js';
import { createMover } from './mover.js';
import { subscribe } from './subscriber.js';

/** Milliseconds from the API server's answer to the arrival at a sidecar. */
export interface Lag {
  readonly median: number;
  readonly p99: number;
  readonly worst: number;
  readonly samples: number;
}

/** What `--json` prints. */
export interface SyncReport {
  readonly bench: 'sync';
  readonly services: number;
  readonly endpoints: number;
  /** From exec to serving. */
  readonly servingMs: number;
  /** CPU of the control plane until then. */
  readonly servingCpuMs: number;
  readonly readyBytes: number;
  readonly afterBytes: number;
  readonly eventsPerSecond: number;
  readonly events: number;
  /** CPU of the control plane in the storm, in milliseconds an event. */
  readonly cpuMsPerEvent: number;
  readonly atRest: Lag;
  readonly inStorm: Lag;
  readonly machine: Machine;
}

const restMs = 2_000;
const roundsAtRest = 50;
const pauseInStormMs = 50;

function lagOf(samples: readonly number[]): Lag {
  return {
    median: median(samples),
    p99: percentile(samples, 0.99),
    worst: worst(samples),
    samples: samples.length,
  };
}

/** Waits for arrivals one at a time. */
interface Arrivals {
  note(atMs: number): void;
  /** Resolves to when the next one comes. */
  next(): Promise<number>;
}

function createArrivals(interrupted: AbortSignal): Arrivals {
  let waiting: { resolve(atMs: number): void; reject(reason: Error): void } | undefined;
  interrupted.addEventListener('abort', () => waiting?.reject(new Error('interrupted')));
  return {
    note(atMs): void {
      waiting?.resolve(atMs);
      waiting = undefined;
    },
    next: async () => {
      interrupted.throwIfAborted();
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject };
      });
    },
  };
}

/** Runs the bench; rejects, with everything taken down, when something does not work. */
export async function benchSync(
  options: SyncOptions,
  environment: { readonly say: (text: string) => void; readonly interrupted: AbortSignal },
): Promise<SyncReport> {
  const { say, interrupted } = environment;
  const { services, endpoints, events } = options;
  const before = measureNoise();
  const cluster = await fillCluster({ services, endpointsPerService: endpoints }, environment);
  try {
    say('starting the control plane');
    const controlPlane = await startControlPlane(cluster, interrupted, {
      profile: options.profile,
    });
    try {
      return await measure({ options, cluster, controlPlane, before, say, interrupted });
    } finally {
      await controlPlane.stop();
    }
  } finally {
    await cluster.stop();
  }

  async function measure(rig: Rig): Promise<SyncReport> {
    const { pid } = rig.controlPlane.child;
    await new Promise((resolve) => setTimeout(resolve, restMs));
    const readyBytes = await residentBytes(pid);
    const roots = await publishedRoots(cluster, interrupted);
    const arrivals = createArrivals(interrupted);
    const followed = services - 1;
    const subscriber = await subscribe({
      ...{ client: cluster.client, address: rig.controlPlane.address, roots },
      ...{ owner: 0, follows: followed },
      onEndpoints: (atMs) => {
        arrivals.note(atMs);
      },
    });
    const move = createMover(cluster, endpoints);
    const sample = async (): Promise<number> => {
      const arrival = arrivals.next();
      const answered = move(followed).then(() => performance.now());
      // Together: it may be interrupted before the API server has answered.
      const [arrivedAt, answeredAt] = await Promise.all([arrival, answered]);
      return Math.max(0, arrivedAt - answeredAt);
    };
    try {
      say('one change at a time');
      const rest: number[] = [];
      for (let round = 0; round < roundsAtRest; round += 1) rest.push(await sample());
      say(`${String(events)} changes as fast as the API server takes them`);
      const storm: number[] = [];
      const cpuBefore = await cpuMs(pid);
      const startedAt = performance.now();
      const over = new AbortController();
      const isOver = (): boolean => over.signal.aborted;
      const writing = inParallel(events, (index) => move(index % followed)).then(
        () => (performance.now() - startedAt) / 1000,
      );
      const sampling = (async (): Promise<void> => {
        while (!isOver()) {
          storm.push(await sample());
          await new Promise((resolve) => setTimeout(resolve, pauseInStormMs));
        }
      })();
      // Together: where one of them fails the other is not waited for.
      const [seconds] = await Promise.all([
        writing.finally(() => {
          over.abort();
        }),
        sampling,
      ]);
      return {
        bench: 'sync',
        ...{ services, endpoints: services * endpoints, events },
        servingMs: rig.controlPlane.servingMs,
        servingCpuMs: rig.controlPlane.servingCpuMs,
        readyBytes,
        afterBytes: await residentBytes(pid),
        eventsPerSecond: events / seconds,
        cpuMsPerEvent: ((await cpuMs(pid)) - cpuBefore) / events,
        atRest: lagOf(rest),
        inStorm: lagOf(storm),
        machine: describeMachine(rig.before),
      };
    } finally {
      subscriber.close();
    }
  }
}

interface Rig {
  readonly options: SyncOptions;
  readonly cluster: FilledCluster;
  readonly controlPlane: ControlPlane;
  readonly before: ReturnType<typeof measureNoise>;
  readonly say: (text: string) => void;
  readonly interrupted: AbortSignal;
}

/** The report as text. */
export function formatSync(report: SyncReport): string {
  const mb = (bytes: number): string => (bytes / 1_000_000).toFixed(0);
  const lag = (name: string, { median: middle, p99, worst: most, samples }: Lag): string[] => [
    name,
    middle.toFixed(1),
    p99.toFixed(1),
    most.toFixed(1),
    String(samples),
  ];
  return [
    `${String(report.services)} Services, ${String(report.endpoints)} endpoints and pods in a real kube-apiserver.`,
    `Serving ${(report.servingMs / 1000).toFixed(1)} s after the start, for ${(report.servingCpuMs / 1000).toFixed(1)} s of CPU, with ${mb(report.readyBytes)} MB resident; ${mb(report.afterBytes)} MB after ${String(report.events)} changes.`,
    `It followed ${report.eventsPerSecond.toFixed(0)} changes of endpoints a second, all that the API server took, at ${report.cpuMsPerEvent.toFixed(2)} ms of CPU each.`,
    '',
    formatTable(
      ['ANSWER TO SIDECAR, MS', 'MEDIAN', 'P99', 'WORST', 'SAMPLES'],
      [lag('one change at a time', report.atRest), lag('in the storm', report.inStorm)],
    ),
    '',
    formatMachine(report.machine),
  ].join('\n');
}
