/** The certificates bench: all sidecars ask for their first certificate at once, with the API server and without it. */
import { setTimeout as pause } from 'node:timers/promises';
import type { BenchRun } from './bench-mesh.js';
import { formatTable } from '../src/cli/index.js';
import { publishedRoots, startControlPlane, type ControlPlane } from './cluster/control-plane.js';
import { fillCluster, type FilledCluster } from './cluster/filled.js';
import { startGenerator } from './load/generator-process.js';
import { planFor, planSidecars } from './load/mesh.js';
import type { PlannedSidecar } from './load/plan.js';
import { deadlineAfter } from './deadline.js';
import { describeMachine, formatMachine, measureNoise, type Machine } from './noise.js';
import type { CertificatesOptions } from './options.js';
import { cpuMs, peakBytes, resetPeak } from './processes.js';
import { metricOf, quantileOf, readBuckets, stallMsIn, type Buckets } from './prometheus.js';
import { median, percentile, worst } from './statistics.js';

/** One storm. */
interface Storm {
  /** Milliseconds until each sidecar had its certificate. */
  readonly certifiedMs: readonly number[];
  /** Of the control plane, in milliseconds. */
  readonly cpuMs: number;
  readonly signatures: Buckets;
  readonly stallMs: number;
  readonly bytesPeak: number;
  readonly retries: number;
}

/** The storms of one condition. */
interface Row {
  readonly apiServer: 'there' | 'away';
  readonly storms: readonly Storm[];
}

/** What `--json` prints. */
export interface CertificatesReport {
  readonly bench: 'certificates';
  readonly sidecars: number;
  readonly rows: readonly Row[];
  readonly machine: Machine;
}

interface Rig {
  readonly cluster: FilledCluster;
  readonly controlPlane: ControlPlane;
  readonly roots: string;
  readonly planned: readonly PlannedSidecar[];
  readonly deadline: AbortSignal;
}

const endpointsPerService = 5;
const timeoutMs = 900_000;
/** What the control plane does after its start, after the API server's end, or after a storm is over by then. */
const restMs = 3_000;

/** Runs the bench; rejects, with everything taken down, when something does not work. */
export async function benchCertificates(
  options: CertificatesOptions,
  { say, interrupted }: BenchRun,
): Promise<CertificatesReport> {
  const { sidecars, rounds } = options;
  const deadline = deadlineAfter(timeoutMs, interrupted);
  const before = measureNoise();
  const services = Math.max(2, Math.ceil(sidecars / endpointsPerService));
  const cluster = await fillCluster({ services, endpointsPerService }, { say, interrupted });
  let controlPlane: ControlPlane | undefined;
  try {
    controlPlane = await startControlPlane(cluster, deadline, {
      isAheadOfOthers: true,
      profile: options.profile,
    });
    // They call nothing: what is measured is how they get what they are.
    const sizes = { services, endpoints: endpointsPerService, sidecars, used: 1 };
    const planned = (await planSidecars(cluster, sizes, 'on-demand')).map((one) => ({
      ...one,
      uses: [],
    }));
    const roots = await publishedRoots(cluster, deadline);
    const rig: Rig = { cluster, controlPlane, roots, planned, deadline };
    const there = await stormsOf(rig, rounds, say);
    say('ending kube-apiserver');
    await cluster.server.kill();
    const away = await stormsOf(rig, rounds, say);
    const rows: readonly Row[] = [
      { apiServer: 'there', storms: there },
      { apiServer: 'away', storms: away },
    ];
    return { bench: 'certificates', sidecars, rows, machine: describeMachine(before) };
  } finally {
    await controlPlane?.stop();
    await cluster.stop();
  }
}

async function stormsOf(
  rig: Rig,
  rounds: number,
  say: (text: string) => void,
): Promise<readonly Storm[]> {
  const storms: Storm[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    await pause(restMs);
    say(`storm ${String(round)} of ${String(rounds)}`);
    storms.push(await measureStorm(rig));
  }
  return storms;
}

/** New keys, new requests, no connection yet: the control plane has nothing of them but the pods. */
async function measureStorm(rig: Rig): Promise<Storm> {
  const { controlPlane, planned, deadline } = rig;
  const { pid } = controlPlane.child;
  const generator = await startGenerator(
    planFor(controlPlane.address, rig.roots, planned),
    deadline,
  );
  try {
    await resetPeak(pid);
    // It forgets the longest stall when it is asked.
    const before = await controlPlane.metrics();
    const cpuBefore = await cpuMs(pid);
    const { certifiedMs, certificates, retries } = await generator.connect();
    const after = await controlPlane.metrics();
    const cpuAfter = await cpuMs(pid);
    const issued = 'skerry_certificates_issued_total';
    const signed = metricOf(after, issued) - metricOf(before, issued);
    if (certificates !== planned.length || signed < planned.length) {
      throw new Error(
        `expected ${String(planned.length)} certificates, found ${String(certificates)} at sidecars, ${String(signed)} signed`,
      );
    }
    const name = 'skerry_certificate_seconds';
    return {
      certifiedMs,
      cpuMs: cpuAfter - cpuBefore,
      signatures: readBuckets(after, name, readBuckets(before, name)),
      stallMs: stallMsIn(after),
      bytesPeak: await peakBytes(pid),
      retries,
    };
  } finally {
    await generator.stop();
  }
}

function rowOf({ apiServer, storms }: Row): readonly string[] {
  const ms = (value: number): string => value.toFixed(0);
  const overStorms = (of: (storm: Storm) => number): number => median(storms.map(of));
  const signature = (share: number): string =>
    (worst(storms.map(({ signatures }) => quantileOf(signatures, share))) * 1000).toFixed(1);
  return [
    ...[apiServer, String(storms.length)],
    ...[0, 0.5, 0.99, 1].map((share) =>
      ms(overStorms(({ certifiedMs }) => percentile(certifiedMs, share))),
    ),
    (overStorms((storm) => storm.cpuMs) / 1000).toFixed(2),
    ...[signature(0.5), signature(0.99)],
    ms(worst(storms.map(({ stallMs }) => stallMs))),
    `${(worst(storms.map(({ bytesPeak }) => bytesPeak)) / 1e6).toFixed(0)} MB`,
    String(storms.reduce((sum, { retries }) => sum + retries, 0)),
  ];
}

const header = [
  ...['API SERVER', 'STORMS', 'FIRST MS', 'P50 MS', 'P99 MS', 'ALL MS', 'CPU S'],
  ...['SIGN P50 MS', 'SIGN P99 MS', 'STALL MS', 'PEAK', 'RETRIES'],
];

/** The report as text. */
export function formatCertificates(report: CertificatesReport): string {
  return [
    `${String(report.sidecars)} simulated sidecars with new keys connect at once to one control plane; each gets everything that an idle sidecar is sent, and a certificate of its own.`,
    'The control plane goes before all else on the machine, so that what is told of its event loop is its own doing.',
    'FIRST to ALL: from the start to the certificate, medians of the storms; SIGN: at most, worst storm; STALL: the longest that the event loop was held, of all storms.',
    '',
    formatTable(header, report.rows.map(rowOf)),
    '',
    formatMachine(report.machine),
  ].join('\n');
}
