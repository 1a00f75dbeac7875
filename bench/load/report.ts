/** What the load bench reports, as data and as a table. */
import { formatTable } from '../../src/cli/index.js';
import { formatMachine, type Machine } from '../noise.js';
import { totalOf, type Row } from './phases.js';

/** One layout. */
export interface LayoutReport {
  readonly layout: 'on-demand' | 'eager';
  /** Of the control plane: `other` is that of `--against`. */
  readonly build: 'this' | 'other';
  /** Resident memory of the control plane before any sidecar. */
  readonly restBytes: number;
  readonly rows: readonly Row[];
}

/** What `--json` prints. */
export interface LoadReport {
  readonly bench: 'load';
  readonly services: number;
  readonly endpoints: number;
  readonly sidecars: number;
  readonly used: number;
  readonly layouts: readonly LayoutReport[];
  readonly machine: Machine;
}

function size(bytes: number): string {
  if (bytes < 10_000) return `${String(Math.round(bytes))} B`;
  if (bytes < 10_000_000) return `${(bytes / 1_000).toFixed(0)} kB`;
  return `${(bytes / 1_000_000).toFixed(0)} MB`;
}

function ms(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

function times(value: number, floor: number): string {
  return floor > 0 ? `${(value / floor).toFixed(1)}x` : '-';
}

function rowOf(layout: string, row: Row): readonly string[] {
  const { responses, resources, bytes } = totalOf(row.counts);
  return [
    ...[layout, row.what, String(row.sidecars)],
    ...[ms(row.times.p50), ms(row.times.p99), ms(row.times.last)],
    ...[(row.cpuMs / 1000).toFixed(2), size(bytes / row.rounds)],
    ...[String(Math.round(resources / row.rounds)), String(Math.round(responses / row.rounds))],
    ...[ms(row.floor.last), times(row.times.last, row.floor.last)],
    ...[(row.floor.cpuMs / 1000).toFixed(2), times(row.cpuMs, row.floor.cpuMs)],
    ...[ms(row.stallMs), size(row.bytesAfter), size(row.bytesPeak)],
  ];
}

const header = [
  ...['LAYOUT', 'WHAT', 'SIDECARS', 'P50 MS', 'P99 MS', 'LAST MS', 'CPU S', 'SENT'],
  ...['RESOURCES', 'RESPONSES', 'FLOOR LAST MS', 'TIMES', 'FLOOR CPU S', 'TIMES'],
  ...['STALL MS', 'RSS', 'PEAK'],
];

function typesOf(layout: string, row: Row): string {
  const { rounds, counts } = row;
  const each = Object.entries(counts).map(
    ([type, { bytes, resources }]) =>
      `${type} ${size(bytes / rounds)} in ${String(Math.round(resources / rounds))}`,
  );
  const again = row.retries > 0 ? `; ${String(row.retries)} streams were opened again` : '';
  return `${layout}, ${row.what}: ${each.join(', ') || 'nothing'}; the sidecars themselves took ${(row.generatorCpuMs / 1000).toFixed(2)} s of CPU${again}`;
}

function nameOf({ layout, build }: Pick<LayoutReport, 'layout' | 'build'>): string {
  return build === 'this' ? layout : `${layout}, other`;
}

/** What this build takes of what the other took; empty where there is no other. */
function comparisonOf(layouts: readonly LayoutReport[]): readonly string[] {
  return layouts
    .filter(({ build }) => build === 'this')
    .flatMap(({ layout, rows }) => {
      const other = layouts.find((one) => one.layout === layout && one.build === 'other');
      return rows.flatMap((row) => {
        const before = other?.rows.find(({ what }) => what === row.what);
        if (before === undefined) return [];
        const share = (of: (one: Row) => number): string => (of(row) / of(before)).toFixed(2);
        return `${layout}, ${row.what}: this build takes ${share((one) => one.cpuMs)} of the other's CPU (${share((one) => one.cpuMs / one.floor.cpuMs)} by their floors), ${share((one) => one.times.last)} of its time, ${share((one) => one.stallMs)} of its stall, ${share((one) => one.bytesAfter)} of its memory`;
      });
    });
}

/** The report as text. */
export function formatLoad(report: LoadReport): string {
  const { services, endpoints, sidecars, used, layouts } = report;
  const rows = layouts.flatMap((one) => one.rows.map((row) => rowOf(nameOf(one), row)));
  const rest = layouts.map((one) => {
    const { restBytes, rows: own } = one;
    const after = own[0]?.bytesAfter ?? Number.NaN;
    return `${nameOf(one)}: the control plane had ${size(restBytes)} resident before any sidecar; each added ${size((after - restBytes) / sidecars)}`;
  });
  return [
    `${String(services)} Services with ${String(endpoints)} endpoints each in a real kube-apiserver; ${String(sidecars)} simulated sidecars, which use ${String(used)} Services each (on demand).`,
    'CPU S, SENT, RESOURCES and RESPONSES are of the control plane for one change; FLOOR is a bare gRPC server that writes the same bytes to as many sidecars, in the same run.',
    '',
    formatTable(header, rows),
    '',
    ...rest,
    ...layouts.flatMap((one) => one.rows.map((row) => typesOf(nameOf(one), row))),
    ...comparisonOf(layouts),
    '',
    formatMachine(report.machine),
  ].join('\n');
}
