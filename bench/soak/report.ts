/** What the soak bench reports: windows, trends with their uncertainty, a verdict and a plot. */
import { formatTable } from '../../src/cli/index.js';
import { formatMachine } from '../noise.js';
import { fitLine, median, percentile, worst, type Line } from '../statistics.js';
import type { SoakReport, SoakSample } from './soak.js';
import { judge, lastToFirstQuarter, sparkline, type Verdict } from './trend.js';

/** Windows of a whole run; each has at least one sample. */
const wantedWindows = 20;
/** What begins: V8 compiles, buffers grow, the first certificates end after 15 minutes. Told, but in no trend. */
const warmUpShare = 1 / 3;
/** Flat is a heap that grows by less than this share of itself in an hour. */
export const flatShare = 0.02;
/** Flat is a latency whose last quarter's median is at most so many times the first's. */
export const flatRatio = 1.25;

interface Window {
  readonly samples: readonly SoakSample[];
  readonly first: SoakSample;
  readonly last: SoakSample;
}

function windowsOf(samples: readonly SoakSample[]): readonly Window[] {
  const count = Math.min(wantedWindows, samples.length);
  return Array.from({ length: count }, (_, number) => {
    const bound = (at: number): number => Math.round((at * samples.length) / count);
    return samples.slice(bound(number), bound(number + 1));
  }).flatMap((own) => {
    const [first, last] = [own[0], own.at(-1)];
    return first === undefined || last === undefined ? [] : [{ samples: own, first, last }];
  });
}

function over(window: Window, of: (sample: SoakSample) => number): number {
  return median(window.samples.map(of));
}

function latenciesOf({ samples }: Pick<Window, 'samples'>): readonly number[] {
  return samples.flatMap(({ latencyMs }) => latencyMs);
}

const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);

function rowOf(window: Window, before: SoakSample | undefined): readonly string[] {
  const { last } = window;
  const since = (of: (sample: SoakSample) => number): string =>
    String(of(last) - (before === undefined ? 0 : of(before)));
  const latencies = latenciesOf(window);
  return [
    last.minutes.toFixed(1),
    ...[mb(over(window, (one) => one.heapBytes)), mb(over(window, (one) => one.codeBytes))],
    ...[mb(over(window, (one) => one.externalBytes)), mb(over(window, (one) => one.residentBytes))],
    ...[percentile(latencies, 0.5), percentile(latencies, 0.99), worst(latencies)].map((value) =>
      value.toFixed(1),
    ),
    ...[last.streams, last.handles, last.files].map(String),
    since(({ endings }) => endings),
    since(({ certificates }) => certificates),
    since(({ changes }) => Object.values(changes).reduce((sum, each) => sum + each, 0)),
  ];
}

const header = [
  ...['MINUTE', 'HEAP MB', 'CODE', 'EXTERNAL MB', 'RSS MB', 'P50 MS', 'P99 MS', 'WORST MS'],
  ...['STREAMS', 'HANDLES', 'FILES', 'CAME BACK', 'CERTIFICATES', 'CHANGES'],
];

/** The judgement of a run. */
export interface SoakVerdict {
  readonly heap: Line;
  readonly heapVerdict: Verdict;
  /** The heap without the code that V8 has made. */
  readonly objects: Line;
  readonly objectsVerdict: Verdict;
  readonly resident: Line;
  /** The latency's median in the last quarter over that in the first. */
  readonly latencyRatio: number;
  readonly isLatencyFlat: boolean;
}

/** Judges what comes after the warm-up. */
export function judgeSoak(samples: readonly SoakSample[]): SoakVerdict {
  const all = windowsOf(samples);
  const windows = all.slice(Math.ceil(all.length * warmUpShare));
  const trend = (of: (sample: SoakSample) => number): Line =>
    fitLine(
      windows.map((window) => ({
        x: over(window, ({ minutes }) => minutes) / 60,
        y: over(window, of),
      })),
    );
  const heap = trend(({ heapBytes }) => heapBytes);
  const objects = trend(({ heapBytes, codeBytes }) => heapBytes - codeBytes);
  const latencyRatio = lastToFirstQuarter(windows.flatMap(latenciesOf));
  return {
    heap,
    heapVerdict: judge(heap, flatShare),
    objects,
    objectsVerdict: judge(objects, flatShare),
    resident: trend(({ residentBytes }) => residentBytes),
    latencyRatio,
    isLatencyFlat: latencyRatio <= flatRatio,
  };
}

function formatTrend({ mean, slope, uncertainty }: Line): string {
  const sign = slope < 0 ? '-' : '+';
  return `mean ${mb(mean)} MB, ${sign}${mb(Math.abs(slope))} MB an hour (give or take ${mb(uncertainty)})`;
}

/** The report as text. */
export function formatSoak(report: SoakReport): string {
  const { samples, minutes, services, endpoints, sidecars, used } = report;
  const windows = windowsOf(samples);
  const verdict = judgeSoak(samples);
  const plot = (name: string, of: (window: Window) => number): string =>
    `${name.padEnd(12)}${sparkline(windows.map(of), 1)}`;
  const done = samples.at(-1);
  const changes = Object.entries(done?.changes ?? {}).map(
    ([kind, count]) => `${String(count)} of ${kind}`,
  );
  return [
    `${String(minutes)} minutes of ${String(services)} Services with ${String(endpoints)} endpoints each in a real kube-apiserver, and ${String(sidecars)} simulated sidecars, which use ${String(used)} Services each (on demand).`,
    `Changes: ${changes.join(', ')}; each pod's change is a new sidecar, too. ${String(done?.endings ?? 0)} streams came back as they aged, ${String(done?.certificates ?? 0)} certificates were issued.`,
    'HEAP: alive after a forced collection, every 10 s, CODE of V8 included; P50 to WORST: from the API server’s answer to a moved endpoint to the one sidecar that uses it, every 0.2 s.',
    '',
    formatTable(
      header,
      windows.map((window, index) => rowOf(window, windows[index - 1]?.last)),
    ),
    '',
    plot('heap, MB', (window) => over(window, ({ heapBytes }) => heapBytes) / 1e6),
    plot('RSS, MB', (window) => over(window, ({ residentBytes }) => residentBytes) / 1e6),
    plot('p50, ms', (window) => percentile(latenciesOf(window), 0.5)),
    plot('p99, ms', (window) => percentile(latenciesOf(window), 0.99)),
    '',
    `Without the first third, by least squares over the windows' medians; give or take: two standard errors.`,
    `heap: ${formatTrend(verdict.heap)}: ${verdict.heapVerdict} (flat: less than ${String(flatShare * 100)} % an hour for sure)`,
    `without code: ${formatTrend(verdict.objects)}: ${verdict.objectsVerdict}`,
    `resident: ${formatTrend(verdict.resident)}`,
    `latency: the last quarter's median is ${verdict.latencyRatio.toFixed(2)} times the first's: ${verdict.isLatencyFlat ? 'flat' : 'grows'} (flat: at most ${String(flatRatio)})`,
    `the control plane took ${((done?.cpuMs ?? 0) / 1000 / 60 / (done?.minutes ?? 1)).toFixed(2)} of a core`,
    '',
    formatMachine(report.machine),
  ].join('\n');
}
