/** Simulated sidecars on an ADS server that is somebody's: this control plane, another build of it, or another project's. */
import { execFile } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { formatTable } from '../../src/cli/index.js';
import { deadlineAfter } from '../deadline.js';
import { monotonicMs } from '../load/fleet.js';
import { startGenerator, type Generator } from '../load/generator-process.js';
import { timesOf, totalOf, type Times } from '../load/phases.js';
import type { Counts } from '../load/plan.js';
import { describeMachine, formatMachine, measureNoise, type Machine } from '../noise.js';
import { cpuMs, residentBytes } from '../processes.js';
import type { AdsChange, AdsOptions } from './options.js';

/** One thing that was done to all sidecars. */
export interface AdsRow extends Times {
  readonly what: string;
  readonly sidecars: number;
  readonly rounds: number;
  /** What arrived, of all rounds. */
  readonly counts: Counts;
  /** Streams that ended and were opened again. */
  readonly retries: number;
  /** Of the server, a round; absent where its process is not known. */
  readonly cpuMs?: number;
  readonly residentBytes?: number;
}

/** What `--json` prints. */
export interface AdsReport {
  readonly bench: 'ads';
  readonly address: string;
  readonly rows: readonly AdsRow[];
  readonly machine: Machine;
}

/** What a server does after it has answered is over by then. */
const settleMs = 1_000;
const run = promisify(execFile);

interface Done {
  readonly rounds: readonly (readonly number[])[];
  readonly retries: number;
}

async function measure(
  generator: Generator,
  pid: number | undefined,
  what: string,
  task: () => Promise<Done>,
): Promise<AdsRow> {
  await generator.count();
  const before = pid === undefined ? 0 : await cpuMs(pid);
  const { rounds, retries } = await task();
  await pause(settleMs);
  return {
    ...{ what, retries, rounds: rounds.length, sidecars: rounds[0]?.length ?? 0 },
    ...{ ...timesOf(rounds), counts: await generator.count() },
    ...(pid !== undefined && {
      cpuMs: ((await cpuMs(pid)) - before) / rounds.length,
      residentBytes: await residentBytes(pid),
    }),
  };
}

async function changed(generator: Generator, change: AdsChange): Promise<Done> {
  const rounds: (readonly number[])[] = [];
  for (let round = 1; round <= change.rounds; round += 1) {
    const { holders, arrived } = await generator.expect(change.typeUrl, change.name);
    if (holders === 0) {
      throw new Error(`--name: no sidecar holds a ${change.typeUrl} whose name has ${change.name}`);
    }
    const env = { ...process.env, ROUND: String(round) };
    await run('sh', ['-c', change.command], { env });
    const madeAt = monotonicMs();
    rounds.push((await arrived).map((atMs) => Math.max(0, atMs - madeAt)));
    await pause(settleMs);
  }
  return { rounds, retries: 0 };
}

/** Runs the bench; rejects when the server does not give every sidecar what it asks for in time. */
export async function benchAds(options: AdsOptions, interrupted: AbortSignal): Promise<AdsReport> {
  const { plan, pid, change } = options;
  const noise = measureNoise();
  const deadline = deadlineAfter(options.timeoutMs, interrupted);
  const generator = await startGenerator(plan, deadline);
  try {
    const all = async (how: 'connect' | 'reconnect'): Promise<Done> => {
      const { ms, retries } = await generator[how]();
      return { rounds: [ms], retries };
    };
    const rows = [await measure(generator, pid, 'all configured', () => all('connect'))];
    if (change !== undefined) {
      rows.push(await measure(generator, pid, 'change', () => changed(generator, change)));
    }
    rows.push(await measure(generator, pid, 'all reconnected', () => all('reconnect')));
    const address = `${plan.host}:${String(plan.port)}`;
    return { bench: 'ads', address, rows, machine: describeMachine(noise) };
  } finally {
    await generator.stop();
  }
}

/** The report as a table. */
export function formatAds({ address, rows, machine }: AdsReport): string {
  const header = [
    ...['WHAT', 'SIDECARS', 'P50 MS', 'P99 MS', 'LAST MS', 'RESPONSES', 'RESOURCES', 'KB'],
    ...['RETRIES', 'CPU S', 'RSS MB'],
  ];
  const cells = rows.map((row) => {
    const { responses, resources, bytes } = totalOf(row.counts);
    const each = (total: number): string => String(Math.round(total / row.rounds));
    return [
      ...[row.what, String(row.sidecars), row.p50.toFixed(1), row.p99.toFixed(1)],
      ...[row.last.toFixed(1), each(responses), each(resources), each(bytes / 1_000)],
      ...[String(row.retries), row.cpuMs === undefined ? '-' : (row.cpuMs / 1_000).toFixed(3)],
      row.residentBytes === undefined ? '-' : (row.residentBytes / 1_000_000).toFixed(0),
    ];
  });
  return [address, '', formatTable(header, cells), '', formatMachine(machine)].join('\n');
}
