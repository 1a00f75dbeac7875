/** Measures what one sidecar costs: memory, time to ready, first requests; on demand beside eager. */
import { formatTable } from '../src/cli/index.js';
import { measureBaseline } from './baseline.js';
import type { BenchEnvironment } from './bench-mesh.js';
import { measureLayout, type LayoutResult } from './layout.js';
import { describeMachine, formatMachine, measureNoise, type Machine } from './noise.js';
import type { Memory } from './processes.js';
import { sidecarRuns, type SidecarOptions } from './options.js';

/** What `--json` prints. */
export interface SidecarReport {
  readonly bench: 'sidecar';
  readonly used: number;
  readonly runs: number;
  /** Envoy with nothing but an admin socket. */
  readonly envoyAlone: Memory;
  readonly rows: readonly LayoutResult[];
  readonly machine: Machine;
}

/** Runs the bench; rejects, with everything taken down, when a request fails. */
export async function benchSidecar(
  { services, layouts, used }: SidecarOptions,
  environment: BenchEnvironment,
): Promise<SidecarReport> {
  const before = measureNoise();
  environment.say('Envoy alone');
  const envoyAlone = await measureBaseline(environment);
  const rows: LayoutResult[] = [];
  for (const count of services) {
    for (const layout of layouts) {
      environment.interrupted.throwIfAborted();
      rows.push(await measureLayout({ services: count, layout, used }, environment));
    }
  }
  return {
    bench: 'sidecar',
    ...{ used, runs: sidecarRuns, envoyAlone, rows },
    machine: describeMachine(before),
  };
}

/** The report as text. */
export function formatSidecar(report: SidecarReport): string {
  const mb = (bytes: number): string => (bytes / 1_000_000).toFixed(1);
  const { envoyAlone: alone } = report;
  const ms = (value: number): string => value.toFixed(1);
  const rows = report.rows.map((row) => [
    `${row.services}`,
    row.layout,
    ...[mb(row.ready.resident), mb(row.used.resident), mb(row.used.resident - alone.resident)],
    ...[mb(row.used.own), mb(row.used.own - alone.own)],
    row.readyMs.toFixed(0),
    (row.bytesReceived / 1000).toFixed(0),
    [row.firstMs.median, row.firstMs.p99, row.firstMs.worst].map(ms).join(' / '),
    ms(row.warmMs),
    mb(row.controlPlane.bytes),
    row.controlPlane.servingMs.toFixed(0),
  ]);
  const head = [
    'SERVICES',
    'LAYOUT',
    ...['MB READY', 'MB USED', 'ABOVE ENVOY', 'OWN MB', 'ABOVE ENVOY'],
    'READY MS',
    'KB RECEIVED',
    'FIRST MS',
    'WARM MS',
    'CP MB',
    'CP START MS',
  ];
  return [
    `One sidecar, ${report.used} Services used, medians of ${report.runs} runs. Envoy alone: ${mb(alone.resident)} MB resident, of which ${mb(alone.own)} its own.`,
    '',
    formatTable(head, rows),
    '',
    'MB: millions of bytes, KB: thousands; resident when ready and after use. OWN: of that, after use, what it has written itself; the rest are pages of the program, which all sidecars of a machine share.',
    `FIRST: the first request to a Service, median / p99 / worst of ${String(report.rows[0]?.firstMs.samples ?? 0)} and more; all that a call goes through stands before all else on the machine.`,
    formatMachine(report.machine),
  ].join('\n');
}
