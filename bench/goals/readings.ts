/** Where a goal's figure stands in the report of a bench. */
import type { CertificatesReport } from '../certificates.js';
import type { SyncReport } from '../cluster/sync.js';
import { resourceBytesOf, rowNames, totalOf } from '../load/phases.js';
import type { LayoutReport } from '../load/report.js';
import type { SuiteReport } from '../run.js';
import type { SidecarReport } from '../sidecar.js';
import { judgeSoak } from '../soak/report.js';
import type { SoakReport } from '../soak/soak.js';
import { median, percentile, worst, type Line } from '../statistics.js';
import type { Goal, Source } from './goals.js';

/** A figure as one run has it. */
export interface Reading {
  readonly seen: number;
  /** The bare server's, in the same run. */
  readonly bare?: number;
  /** What else is to be known of it. */
  readonly note?: string;
}

type SourceOf<B extends Source['bench']> = Extract<Source, { readonly bench: B }>;

/** Reads a goal's figure from the report of a run; undefined where the report has none. */
export function readFigure({ from, layout }: Goal, report: SuiteReport): Reading | undefined {
  switch (from.bench) {
    case 'load': {
      if (report.bench !== 'load') return undefined;
      const own = report.layouts.find((one) => one.layout === layout && one.build === 'this');
      return own === undefined ? undefined : readLoad(from, own);
    }
    case 'sync':
      return report.bench === 'sync' ? readSync(from, report) : undefined;
    case 'sidecar':
      return report.bench === 'sidecar' ? readSidecar(from, layout, report) : undefined;
    case 'certificates':
      return report.bench === 'certificates' ? readCertificates(from, report) : undefined;
    case 'soak':
      return report.bench === 'soak' ? readSoak(from, report) : undefined;
  }
}

const changes: readonly string[] = [
  rowNames.endpoint,
  rowNames.rareEndpoint,
  rowNames.eachEndpoint,
  rowNames.policy,
];

function readLoad(from: SourceOf<'load'>, { rows }: LayoutReport): Reading | undefined {
  if (!('row' in from)) {
    if (from.figure === 'resident') return { seen: rows.at(-1)?.bytesAfter ?? Number.NaN };
    const own = rows.filter(({ what }) => changes.includes(what));
    return { seen: worst(own.map(({ stallMs }) => stallMs)) };
  }
  const row = rows.find(({ what }) => what === from.row);
  if (row === undefined) return undefined;
  switch (from.figure) {
    case 'last':
      return { seen: row.times.last, bare: row.floor.last };
    case 'p99':
      return { seen: row.times.p99, bare: row.floor.p99 };
    case 'cpu':
      return { seen: row.cpuMs, bare: row.floor.cpuMs };
    case 'sent':
      return { seen: totalOf(row.counts).bytes / row.rounds };
    case 'sent resources':
      return { seen: resourceBytesOf(row.counts) / row.rounds };
  }
}

function readSync(from: SourceOf<'sync'>, report: SyncReport): Reading | undefined {
  if (report.services !== from.services) return undefined;
  if (from.figure === 'serving') {
    return {
      seen: report.servingMs,
      note: `${(report.servingCpuMs / 1000).toFixed(1)} s of CPU`,
    };
  }
  const { median: seen, p99, samples } = report.atRest;
  return { seen, note: `median of ${String(samples)}, p99 ${p99.toFixed(1)} ms` };
}

function readSidecar(
  from: SourceOf<'sidecar'>,
  layout: Goal['layout'],
  { rows, envoyAlone }: SidecarReport,
): Reading | undefined {
  const row = rows.find((one) => one.services === from.services && one.layout === layout);
  if (row === undefined) return undefined;
  if (from.figure === 'first request') {
    const { p99, samples, worst: most } = row.firstMs;
    return { seen: p99, note: `of ${String(samples)}, the worst ${most.toFixed(1)} ms` };
  }
  const resident = row.used.resident - envoyAlone.resident;
  return {
    seen: row.used.own - envoyAlone.own,
    note: `${(resident / 1e6).toFixed(1)} MB with pages of the program, which sidecars share`,
  };
}

function readCertificates(
  from: SourceOf<'certificates'>,
  report: CertificatesReport,
): Reading | undefined {
  const row = report.rows.find(({ apiServer }) => apiServer === from.apiServer);
  if (row === undefined) return undefined;
  const { length } = row.storms;
  const storms = length === 1 ? 'of one storm' : `of ${String(length)} storms`;
  return from.figure === 'last'
    ? {
        seen: median(row.storms.map(({ certifiedMs }) => percentile(certifiedMs, 1))),
        note: `median ${storms}`,
      }
    : { seen: worst(row.storms.map(({ stallMs }) => stallMs)), note: `worst ${storms}` };
}

function readSoak(from: SourceOf<'soak'>, { samples, minutes }: SoakReport): Reading {
  const { heap, heapVerdict, objects, objectsVerdict, latencyRatio } = judgeSoak(samples);
  const note = `${String(minutes)} minutes`;
  const share = ({ slope, uncertainty, mean }: Line): number =>
    ((slope + uncertainty) / mean) * 100;
  switch (from.figure) {
    case 'heap':
      return { seen: share(heap), note: `${note}: ${heapVerdict}` };
    case 'objects':
      return { seen: share(objects), note: `${note}: ${objectsVerdict}` };
    case 'latency':
      return { seen: latencyRatio, note };
  }
}
