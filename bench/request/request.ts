/** Measures what a request costs: app to app without a mesh, through two bare Envoys and through two sidecars, in turns. */
import { waitFor, type Mesh, type RunningProcess } from '../../demo/rig/index.js';
import { formatTable } from '../../src/cli/index.js';
import { readinessPort } from '../../src/sidecar/index.js';
import { withMesh, type BenchEnvironment } from '../bench-mesh.js';
import { describeMachine, formatMachine, measureNoise, type Machine } from '../noise.js';
import type { RequestOptions } from '../options.js';
import { cpuMs } from '../processes.js';
import { namespace } from '../manifests.js';
import { median } from '../statistics.js';
import { bareAddress, startBareEnvoys } from './bare.js';
import { placeFortio, runLoad, startServer, waitForAnswer } from './fortio.js';
import {
  http1,
  podsOf,
  protocols,
  requestMesh,
  sides,
  type Protocol,
  type Side,
} from './manifests.js';

/** What one side showed in one round. */
export interface RequestSample {
  /** At the fixed rate. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of a request at the fixed rate, by process; 0 of an Envoy that is not there. */
  readonly cpuUs: { readonly app: number; readonly caller: number; readonly server: number };
  /** Requests a second when nothing holds the load back. */
  readonly perSecond: number;
}

/** All rounds of one protocol. */
export interface RequestRow extends Readonly<Record<Side, readonly RequestSample[]>> {
  readonly protocol: string;
}

/** What `--json` prints. */
export interface RequestReport extends Omit<RequestOptions, 'json'> {
  readonly rows: readonly RequestRow[];
  readonly machine: Machine;
}

/** One side that runs. */
interface RunningSide {
  readonly side: Side;
  readonly app: RunningProcess;
  /** The Envoys that are none of the mesh. */
  readonly bare: readonly RunningProcess[];
  /** The Envoys at the caller and at the server; none without. */
  readonly envoys: readonly (number | undefined)[];
}

/** Runs the bench; rejects, with everything taken down, when a request fails. */
export async function benchRequest(
  options: RequestOptions,
  environment: BenchEnvironment,
): Promise<RequestReport> {
  const { envoy, say, interrupted } = environment;
  const { bench, rate, connections, seconds, rounds } = options;
  const fortio = process.env['SKERRY_FORTIO'];
  if (fortio === undefined) throw new Error('SKERRY_FORTIO names no load tool: use npm run bench');
  const before = measureNoise();
  const rows = await withMesh(
    { envoy, files: { 'mesh.yaml': requestMesh() }, startWith: () => false, onStep: say },
    async (mesh) => {
      const tool = await placeFortio(fortio, mesh.runDirectory);
      const running: RunningSide[] = [];
      try {
        for (const side of sides) running.push(await startSide(side, mesh, tool));
        const found: RequestRow[] = [];
        for (const protocol of protocols) {
          interrupted.throwIfAborted();
          say(protocol.name);
          found.push(
            await measureProtocol(protocol, { mesh, tool, running }, options, interrupted),
          );
        }
        return found;
      } finally {
        await Promise.all(
          running.flatMap(({ app, bare }) => [app, ...bare].map((each) => each.stop())),
        );
      }
    },
  );
  return { bench, rate, connections, seconds, rounds, rows, machine: describeMachine(before) };
}

async function startSide(side: Side, mesh: Mesh, tool: string): Promise<RunningSide> {
  const { caller, server } = podsOf(side);
  const pods = [await mesh.startPod(caller), await mesh.startPod(server)];
  for (const { key, manifest, sidecar } of pods) {
    if (sidecar === undefined) continue;
    const url = `http://${manifest.ip}:${readinessPort}/ready`;
    await waitFor({ what: `readiness of ${key}`, timeoutMs: 60_000 }, async () => {
      const { status } = await mesh.prober.http({ url, timeoutMs: 2000 });
      return status === 200 ? true : undefined;
    });
  }
  const app = await startServer(mesh.pod(server), tool);
  if (side !== 'bare') {
    const envoys = [caller, server].map((pod) => mesh.pod(pod).sidecar?.process().pid);
    return { side, app, bare: [], envoys };
  }
  const ends = { caller: mesh.pod(caller), server: mesh.pod(server) };
  const bare = await startBareEnvoys(ends, protocols);
  await waitForAnswer(ends.caller, tool, `http://${addressOf(side, http1)}/`);
  return { side, app, bare, envoys: bare.map(({ pid }) => pid) };
}

/** What the caller of a side calls, as `host:port`: the Service, or the Envoy before it. */
function addressOf(side: Side, protocol: Protocol): string {
  if (side !== 'bare') return `${side}-server.${namespace}:${protocol.port}`;
  const { address, port } = bareAddress(protocol);
  return `${address}:${port}`;
}

interface Bed {
  readonly mesh: Mesh;
  readonly tool: string;
  readonly running: readonly RunningSide[];
}

async function measureProtocol(
  protocol: Protocol,
  bed: Bed,
  options: RequestOptions,
  interrupted: AbortSignal,
): Promise<RequestRow> {
  const samples: Record<Side, RequestSample[]> = { plain: [], bare: [], mesh: [] };
  // Connections, the cluster on demand and the tool's own start are not what is measured.
  for (const each of bed.running)
    await measureSide(protocol, each, bed, { ...options, seconds: 1 });
  for (let round = 0; round < options.rounds; round += 1) {
    // The one that comes first changes, so that a drift of the machine favours none.
    const order = round % 2 === 0 ? bed.running : bed.running.toReversed();
    for (const each of order) {
      interrupted.throwIfAborted();
      samples[each.side].push(await measureSide(protocol, each, bed, options));
    }
  }
  return { protocol: protocol.name, ...samples };
}

async function measureSide(
  protocol: Protocol,
  { side, app, envoys }: RunningSide,
  { mesh, tool }: Bed,
  { rate, connections, seconds }: RequestOptions,
): Promise<RequestSample> {
  const pod = mesh.pod(podsOf(side).caller);
  const pids = [app.pid, ...envoys];
  const readCpu = (): Promise<readonly number[]> =>
    Promise.all(pids.map(async (pid) => (pid === undefined ? 0 : await cpuMs(pid))));
  const plan = { connections, seconds, target: protocol.load(addressOf(side, protocol)) };
  const from = await readCpu();
  const fixed = await runLoad(pod, tool, { ...plan, rate });
  const to = await readCpu();
  const full = await runLoad(pod, tool, { ...plan, rate: 0 });
  const perRequest = (index: number): number =>
    (((to[index] ?? 0) - (from[index] ?? 0)) * 1000) / fixed.requests;
  return {
    p50Ms: fixed.p50Ms,
    p99Ms: fixed.p99Ms,
    cpuUs: { app: perRequest(0), caller: perRequest(1), server: perRequest(2) },
    perSecond: full.perSecond,
  };
}

/** The report as text. */
export function formatRequest(report: RequestReport): string {
  const { rate, connections, seconds, rounds } = report;
  const rows = report.rows.flatMap(({ protocol, plain, bare, mesh }) => [
    [protocol, 'plain', ...cells(plain)],
    ['', 'bare', ...cells(bare)],
    ['', 'mesh', ...cells(mesh)],
    ['', 'mesh/plain', ...ratios(mesh, plain)],
    ['', 'mesh/bare', ...ratios(mesh, bare)],
  ]);
  const head = ['PROTOCOL', '', 'P50 MS', 'P99 MS', 'CPU US', 'APP', 'CALLER', 'SERVER', 'MAX/S'];
  return [
    formatTable(head, rows),
    '',
    `medians of ${rounds} rounds of ${seconds} s; percentiles and CPU at ${rate} requests a second over ${connections} connections`,
    'bare: two stock Envoys that only pass on, without TLS; ratios are medians over the rounds, each of which has all three',
    formatMachine(report.machine),
  ].join('\n');
}

const totalCpu = ({ cpuUs }: RequestSample): number => cpuUs.app + cpuUs.caller + cpuUs.server;

/** The figures of a sample in the order of the columns. */
const columns: readonly ((sample: RequestSample) => number)[] = [
  ({ p50Ms }) => p50Ms,
  ({ p99Ms }) => p99Ms,
  totalCpu,
  ({ cpuUs }) => cpuUs.app,
  ({ cpuUs }) => cpuUs.caller,
  ({ cpuUs }) => cpuUs.server,
  ({ perSecond }) => perSecond,
];

function cells(samples: readonly RequestSample[]): readonly string[] {
  return columns.map((column, index) => median(samples.map(column)).toFixed(index < 2 ? 2 : 0));
}

function ratios(
  samples: readonly RequestSample[],
  others: readonly RequestSample[],
): readonly string[] {
  return columns.map((column) => {
    const each = samples.map((sample, round) => {
      const other = others[round];
      return other === undefined ? Number.NaN : column(sample) / column(other);
    });
    const ratio = median(each);
    return Number.isFinite(ratio) ? ratio.toFixed(2) : '';
  });
}
