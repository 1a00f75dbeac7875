/** The goals of speed and cost, as data: what is held, at how much, and where its figure is found. */
import { rowNames } from '../load/phases.js';
import { flatRatio, flatShare } from '../soak/report.js';

/** What a figure counts. */
export type Unit = 'ms' | 'bytes' | 'percent' | 'times';

/** A figure of a bench's report. */
export type Source =
  | {
      readonly bench: 'load';
      readonly figure: 'last' | 'p99' | 'cpu' | 'sent' | 'sent resources';
      readonly row: string;
    }
  | { readonly bench: 'load'; readonly figure: 'resident' | 'longest hold' }
  | {
      readonly bench: 'sync';
      readonly figure: 'serving' | 'change';
      readonly services: number;
    }
  | {
      readonly bench: 'sidecar';
      readonly figure: 'memory' | 'first request';
      readonly services: number;
    }
  | {
      readonly bench: 'certificates';
      readonly figure: 'last' | 'longest hold';
      readonly apiServer: 'there' | 'away';
    }
  | { readonly bench: 'soak'; readonly figure: 'heap' | 'objects' | 'latency' };

/** One goal: a figure and the most that it may be. */
export interface Goal {
  readonly what: string;
  readonly layout: 'on-demand' | 'eager';
  readonly unit: Unit;
  readonly atMost: number;
  /** What the reference took. */
  readonly reference?: number;
  readonly from: Source;
}

/** What the reference is, in one sentence. */
export const referenceText =
  'a well-known control plane (its code of August 2026, default settings) with 1,000 Services of five endpoints and 1,000 simulated sidecars on two cores, measured the same way but without TLS';

/** A goal that is a share of what the reference took. */
interface Shared {
  readonly what: string;
  readonly unit: Unit;
  readonly reference: number;
  readonly shares: { readonly onDemand: number; readonly eager: number };
  readonly from: Source;
}

const loadRow = (
  row: string,
  figure: Extract<Source, { readonly row: string }>['figure'],
): Source => ({ bench: 'load', figure, row });

const shared: readonly Shared[] = [
  {
    ...{ what: 'all 1,000 configured, the last', unit: 'ms', reference: 71_900 },
    shares: { onDemand: 1 / 10, eager: 1 / 2 },
    from: loadRow(rowNames.configured, 'last'),
  },
  {
    ...{ what: 'all 1,000 configured, CPU', unit: 'ms', reference: 119_700 },
    shares: { onDemand: 1 / 10, eager: 1 / 2 },
    from: loadRow(rowNames.configured, 'cpu'),
  },
  {
    ...{ what: 'endpoint change that all get, p99', unit: 'ms', reference: 377 },
    shares: { onDemand: 1 / 10, eager: 1 / 3 },
    from: loadRow(rowNames.endpoint, 'p99'),
  },
  {
    ...{ what: 'endpoint change that all get, CPU', unit: 'ms', reference: 351 },
    shares: { onDemand: 1 / 10, eager: 1 / 2 },
    from: loadRow(rowNames.endpoint, 'cpu'),
  },
  {
    ...{ what: 'route policy change, p99', unit: 'ms', reference: 7_440 },
    shares: { onDemand: 1 / 50, eager: 1 / 10 },
    from: loadRow(rowNames.policy, 'p99'),
  },
  {
    ...{ what: 'route policy change, CPU', unit: 'ms', reference: 10_420 },
    shares: { onDemand: 1 / 50, eager: 1 / 10 },
    from: loadRow(rowNames.policy, 'cpu'),
  },
  {
    ...{ what: 'route policy change, bytes', unit: 'bytes', reference: 525_800_000 },
    shares: { onDemand: 1 / 500, eager: 1 / 10 },
    from: loadRow(rowNames.policy, 'sent'),
  },
  {
    ...{ what: 'all reconnected, the last', unit: 'ms', reference: 73_100 },
    shares: { onDemand: 1 / 10, eager: 1 / 5 },
    from: loadRow(rowNames.reconnected, 'last'),
  },
  {
    ...{ what: 'all reconnected, resource bytes', unit: 'bytes', reference: 2_680_000_000 },
    shares: { onDemand: 0, eager: 0 },
    from: loadRow(rowNames.reconnected, 'sent resources'),
  },
  {
    // It was told in mebibytes.
    ...{ what: 'resident after it all', unit: 'bytes', reference: 1_151 * 2 ** 20 },
    shares: { onDemand: 1 / 4, eager: 1 / 2 },
    from: { bench: 'load', figure: 'resident' },
  },
];

const holds: readonly Goal[] = (['on-demand', 'eager'] as const).map((layout) => ({
  ...{ what: 'longest hold of the event loop by a change', layout, unit: 'ms', atMost: 50 },
  from: { bench: 'load', figure: 'longest hold' },
}));

/** All Services in turn: where sidecars have what they use, a change is for those that use it. */
const eachService: readonly Goal[] = [
  {
    ...{ what: 'endpoint change of each Service in turn, the last subscriber, p99' },
    ...{ layout: 'on-demand', unit: 'ms', reference: 377, atMost: 377 / 10 },
    from: loadRow(rowNames.eachEndpoint, 'p99'),
  },
  {
    ...{ what: 'endpoint change of each Service in turn, CPU', layout: 'on-demand' },
    ...{ unit: 'ms', reference: 351, atMost: 351 / 10 },
    from: loadRow(rowNames.eachEndpoint, 'cpu'),
  },
];

const subscriber: Goal = {
  ...{ what: 'endpoint change, one subscriber', layout: 'on-demand', unit: 'ms', atMost: 10 },
  from: { bench: 'sync', figure: 'change', services: 1_000 },
};

const sidecarSizes = [100, 1_000, 5_000, 10_000] as const;

const sidecar: readonly Goal[] = [
  ...sidecarSizes.map((services): Goal => ({
    ...{ what: `sidecar above an empty Envoy, its own memory, ${thousands(services)} Services` },
    ...{ layout: 'on-demand', unit: 'bytes', atMost: 5_000_000 },
    from: { bench: 'sidecar', figure: 'memory', services },
  })),
  ...sidecarSizes.map((services): Goal => ({
    ...{ what: `first request to a Service, p99, ${thousands(services)} Services` },
    ...{ layout: 'on-demand', unit: 'ms', atMost: 15 },
    from: { bench: 'sidecar', figure: 'first request', services },
  })),
];

const large: readonly Goal[] = [
  {
    ...{ what: '10,000 Services, start to serving', layout: 'on-demand' },
    ...{ unit: 'ms', atMost: 30_000 },
    from: { bench: 'sync', figure: 'serving', services: 10_000 },
  },
  {
    // "Still in milliseconds."
    ...{ what: '10,000 Services, endpoint change, one subscriber', layout: 'on-demand' },
    ...{ unit: 'ms', atMost: 10 },
    from: { bench: 'sync', figure: 'change', services: 10_000 },
  },
];

const certificates: readonly Goal[] = (['there', 'away'] as const).flatMap(
  (apiServer): readonly Goal[] => [
    {
      ...{ what: `1,000 first certificates, the last, API server ${apiServer}` },
      ...{ layout: 'on-demand', unit: 'ms', atMost: 10_000 },
      from: { bench: 'certificates', figure: 'last', apiServer },
    },
    {
      ...{ what: `longest hold of the event loop by them, API server ${apiServer}` },
      ...{ layout: 'on-demand', unit: 'ms', atMost: 100 },
      from: { bench: 'certificates', figure: 'longest hold', apiServer },
    },
  ],
);

const soak: readonly Goal[] = [
  {
    ...{ what: 'an hour of changes: heap grows by, at most', layout: 'on-demand' },
    ...{ unit: 'percent', atMost: flatShare * 100 },
    from: { bench: 'soak', figure: 'heap' },
  },
  {
    ...{ what: 'the same without the code that V8 makes', layout: 'on-demand' },
    ...{ unit: 'percent', atMost: flatShare * 100 },
    from: { bench: 'soak', figure: 'objects' },
  },
  {
    ...{ what: 'an hour of changes: latency, last quarter to first', layout: 'on-demand' },
    ...{ unit: 'times', atMost: flatRatio },
    from: { bench: 'soak', figure: 'latency' },
  },
];

/** All goals, in the order of the table. */
export const goals: readonly Goal[] = [
  ...shared.flatMap(({ shares, ...goal }): readonly Goal[] => [
    { ...goal, layout: 'on-demand', atMost: goal.reference * shares.onDemand },
    { ...goal, layout: 'eager', atMost: goal.reference * shares.eager },
  ]),
  ...eachService,
  ...holds,
  subscriber,
  ...sidecar,
  ...large,
  ...certificates,
  ...soak,
];

function thousands(count: number): string {
  return count.toLocaleString('en-US');
}
