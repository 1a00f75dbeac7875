/** A control plane as a process of its own, on a real API server. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findCheckout, startProcess, waitFor, type RunningProcess } from '../../demo/rig/index.js';
import { cpuMs, startedAtMs } from '../processes.js';
import type { FilledCluster } from './filled.js';
import { allocatorVariables } from '../../src/cli/install/controller.js';
import { freePort } from '../../src/lib/testing/free-port.js';
import { heapProbeVariable, readHeap, type HeapSample } from './heap.js';

/** It serves. */
export interface ControlPlane {
  readonly child: RunningProcess;
  /** Of its ADS server, `host:port`. */
  readonly address: string;
  /** From exec to serving. */
  readonly servingMs: number;
  /** CPU that it had taken when it served, in milliseconds, to 60 ms. */
  readonly servingCpuMs: number;
  /** Its metrics, in the Prometheus exposition format. */
  metrics(): Promise<string>;
  /** What is alive in its heap; only where it was started with `hasHeapProbe`. */
  heap(): Promise<HeapSample>;
  stop(): Promise<void>;
}

/** The name by which sidecars know it. */
export const controlPlaneName = 'skerry.skerry-system.svc';

// Niceness counts within a session only (`autogroup` of sched(7)). Real-time priority is no means:
// it is taken away for 50 ms of a second that was busy.
const aheadOfOthers = [
  ...['sh', '-c', 'echo -20 >/proc/self/autogroup; exec nice -n -20 "$@"', 'sh'],
] as const;

/** How it is started. */
export interface ControlPlaneOptions {
  readonly outbound?: 'on-demand' | 'eager';
  /** The built CLI; this checkout's by default. */
  readonly skerry?: string;
  /** The folder where it leaves a CPU profile as it ends. */
  readonly profile?: string | undefined;
  /** It goes before all else on the machine, so that what holds it up is its own doing. */
  readonly isAheadOfOthers?: boolean;
  /** Its heap can be asked for. */
  readonly hasHeapProbe?: boolean;
  /** Options of `skerry controller` beside those that a bench sets. */
  readonly arguments?: readonly string[];
}

function profiled(folder: string): readonly string[] {
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=500'];
}

/** Arguments of Node that load the heap probe. */
function probed(): readonly string[] {
  return ['--expose-gc', '--import', join(dirname(findCheckout().skerry), 'heap-probe.js')];
}

/** Node's flags in the first line of a program, which hold where it is run by its name. */
async function flagsOf(program: string): Promise<readonly string[]> {
  const [first = ''] = (await readFile(program, 'utf8')).split('\n', 1);
  return first.split(' ').filter((word) => word.startsWith('--'));
}

/** The loader goes on without a library that it does not find, and memory would be another's. */
async function checkAllocator(pid: number): Promise<void> {
  const maps = await readFile(`/proc/${String(pid)}/maps`, 'utf8');
  const library = allocatorVariables['LD_PRELOAD'] ?? '';
  if (!maps.includes(library)) {
    throw new Error(`the control plane runs without ${library}: install libjemalloc2`);
  }
}

/** Starts it as an installation does; rejects, with nothing left behind, when it does not serve in time. */
export async function startControlPlane(
  cluster: FilledCluster,
  signal: AbortSignal,
  {
    outbound = 'on-demand',
    profile,
    isAheadOfOthers = false,
    hasHeapProbe = false,
    arguments: more = [],
    skerry = findCheckout().skerry,
  }: ControlPlaneOptions = {},
): Promise<ControlPlane> {
  const folder = await mkdtemp(join(tmpdir(), `skerry-bench-${String(process.pid)}-`));
  const heapProbe = join(folder, 'heap.sock');
  const health = `127.0.0.1:${String(await freePort())}`;
  const child = await startProcess({
    name: 'control plane',
    argv: [
      ...['setpriv', '--pdeathsig', 'KILL', '--', ...(isAheadOfOthers ? aheadOfOthers : [])],
      ...[process.execPath, ...(profile === undefined ? [] : profiled(profile))],
      ...(hasHeapProbe ? probed() : []),
      ...(await flagsOf(skerry)),
      ...[skerry, 'controller'],
      ...['--kubernetes', '--kubeconfig', cluster.server.kubeconfig],
      ...['--listen', '127.0.0.1:0', '--admin-socket', join(folder, 'admin.sock')],
      ...['--health-listen', health, '--replica', 'bench', '--outbound', outbound],
      ...more,
    ],
    env: { ...allocatorVariables, ...(hasHeapProbe && { [heapProbeVariable]: heapProbe }) },
    logFile: join(folder, 'log'),
  });
  const stop = async (): Promise<void> => {
    await child.stop(30_000);
    await rm(folder, { recursive: true });
  };
  try {
    const startMs = await startedAtMs(child.pid);
    const what = { what: 'the control plane', timeoutMs: 180_000, intervalMs: 50, signal };
    const served = await waitFor(what, async () => {
      const log = await readFile(child.logFile, 'utf8');
      const [, at, address] =
        /"time":"([^"]+)","address":"([^"]+)"[^\n]*"message":"serving"/.exec(log) ?? [];
      if (at === undefined || address === undefined) throw new Error(log.slice(-1500));
      return { at: Date.parse(at), address, cpu: await cpuMs(child.pid) };
    });
    await checkAllocator(child.pid);
    const metrics = async (): Promise<string> => (await fetch(`http://${health}/metrics`)).text();
    return {
      ...{ child, address: served.address, metrics, stop },
      ...{ servingMs: served.at - startMs, servingCpuMs: served.cpu },
      heap: () => readHeap(heapProbe),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The roots by which it is known, as PEM, once it has published them. */
export async function publishedRoots(
  { client }: FilledCluster,
  signal: AbortSignal,
): Promise<string> {
  const path = '/api/v1/namespaces/skerry-system/configmaps/skerry-root';
  const what = { what: 'the trust bundle', timeoutMs: 60_000, intervalMs: 200, signal };
  return waitFor(what, async () => {
    const found = (await client.send({ method: 'GET', path })) as {
      readonly data?: Readonly<Record<string, string>>;
    };
    return found.data?.['root.pem'] ?? '';
  });
}
