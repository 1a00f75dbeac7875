/** One row of the sidecar bench: a mesh of some size in one layout, and one sidecar in it three times. */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import {
  runCommand,
  waitFor,
  type Agent,
  type Mesh,
  type Pod,
  type Sidecar,
} from '../demo/rig/index.js';
import { readinessPort } from '../src/sidecar/index.js';
import { pause, withMesh, type BenchEnvironment } from './bench-mesh.js';
import { measureController, type ControllerCost } from './controller.js';
import {
  bulkPodIps,
  bulkServiceAccount,
  bulkVip,
  documents,
  namespace,
  namespaceText,
  podText,
  writeBulk,
} from './manifests.js';
import { sidecarRuns } from './options.js';
import { goAhead, memoryOf, startedAtMs, type Memory } from './processes.js';
import { areSettled, hasWorkload, readProxies, rejectErrors } from './proxies.js';
import { median, percentile, worst } from './statistics.js';

/** What is measured. */
export interface LayoutOptions {
  readonly services: number;
  readonly layout: 'on-demand' | 'eager';
  /** Services that the app calls in each run. */
  readonly used: number;
}

/** Milliseconds of the first request to a Service, of all runs together. */
export interface First {
  readonly median: number;
  readonly p99: number;
  readonly worst: number;
  readonly samples: number;
}

/** Medians of the runs. */
export interface LayoutResult extends Omit<LayoutOptions, 'used'> {
  /** When ready, and after the requests to the Services that it uses. */
  readonly ready: Memory;
  readonly used: Memory;
  /** From Envoy's exec to the first 200 of its readiness port, to 10 ms. */
  readonly readyMs: number;
  /** What the control plane had sent it by the end of a run. */
  readonly bytesReceived: number;
  /** The first request to each Service, over a connection of its own. */
  readonly firstMs: First;
  /** Later requests to the same, likewise. */
  readonly warmMs: number;
  readonly controlPlane: ControllerCost;
}

const caller = `${namespace}/caller`;
const callerIp = '10.66.1.1';
const serverIp = '10.66.1.2';

/** Measures one row; rejects when a request fails. */
export async function measureLayout(
  options: LayoutOptions,
  environment: BenchEnvironment,
): Promise<LayoutResult> {
  const { services, layout, used } = options;
  const { envoy, say, interrupted } = environment;
  const label = `${services} Services, ${layout}`;
  say(`${label}: starting`);
  return await withMesh(
    {
      envoy,
      outbound: layout,
      files: { '00-pods.yaml': podsText() },
      startWith: ({ name }) => name === 'server',
    },
    async (mesh) => {
      await addServices(mesh, services, interrupted);
      // First requests go on to others when memory has been measured, for a p99 that is one.
      const called = Math.max(used, Math.min(wantedCalls, Math.floor(services / sidecarRuns)));
      await addServerAddresses(mesh, called * sidecarRuns);
      say(`${label}: control plane alone`);
      const controlPlane = await measureController(mesh.directory, layout, interrupted);
      const runs: Run[] = [];
      for (let run = 0; run < sidecarRuns; run += 1) {
        interrupted.throwIfAborted();
        say(`${label}: run ${run + 1} of ${sidecarRuns}`);
        const first = run * called;
        // Services that no run before has called: the control plane has to compute them too.
        const targets = Array.from({ length: called }, (_, index) => bulkVip(first + index));
        runs.push(await measureRun(mesh, { targets, used }, interrupted));
      }
      return { services, layout, ...summarize(runs), controlPlane };
    },
  );
}

function podsText(): string {
  return documents(
    namespaceText(),
    podText({ name: 'caller', ip: callerIp, serviceAccount: 'caller', hasSidecar: true }),
    podText({
      name: 'server',
      ip: serverIp,
      serviceAccount: bulkServiceAccount,
      hasSidecar: true,
      app: 'http-server',
    }),
  );
}

/** One app behind one sidecar plays the pods of all Services that are called. */
async function addServerAddresses(mesh: Mesh, services: number): Promise<void> {
  const ips = Array.from({ length: services }, (_, index) => bulkPodIps(index)).flat();
  const lines = ips.map((ip) => `addr add ${ip}/32 dev eth0\n`);
  const { netns } = mesh.pod(`${namespace}/server`);
  await runCommand(['ip', '-n', netns.name, '-batch', '-'], lines.join(''));
}

/**
 * Moves the Services in while the control plane runs: the rig would not wait for one that reads them
 * all at its start. Resolves when it knows the last of them and no sidecar waits for anything.
 */
async function addServices(mesh: Mesh, count: number, interrupted: AbortSignal): Promise<void> {
  const draft = join(mesh.runDirectory, 'bulk');
  // One namespace, so that one app has the identity of them all.
  await writeBulk(draft, { count, namespaces: 'one' });
  await rename(join(draft, 'services'), join(mesh.directory, 'services'));
  const { adminSocket } = mesh.controlPlane();
  const last = `${namespace}/s-${count - 1}-0`;
  await waitFor(
    { what: 'the Services', timeoutMs: 180_000, intervalMs: 500, signal: interrupted },
    async () => {
      const isKnown = await hasWorkload(adminSocket, last);
      return isKnown && areSettled(await readProxies(adminSocket)) ? true : undefined;
    },
  );
  await rejectErrors(adminSocket);
}

interface Run {
  readonly ready: Memory;
  readonly used: Memory;
  readonly readyMs: number;
  readonly bytesReceived: number;
  readonly firstMs: readonly number[];
  readonly warmMs: readonly number[];
}

/** After readiness and after use: what Envoy does late, such as giving memory back. */
const restMs = 2_000;
/** Services that a run calls for the first time, where there are as many. */
const wantedCalls = 100;

async function measureRun(
  mesh: Mesh,
  { targets, used }: { readonly targets: readonly string[]; readonly used: number },
  interrupted: AbortSignal,
): Promise<Run> {
  const pod = await mesh.startPod(caller);
  const { sidecar } = pod;
  if (sidecar === undefined) throw new Error('the caller has no sidecar');
  try {
    const { pid } = sidecar.process();
    const readyMs = await untilReady(mesh.prober, sidecar);
    await pause(restMs, interrupted);
    const ready = await memoryOf(pid);
    const agent = await pod.startAgent();
    try {
      await goAhead(processesOf(mesh, pod).concat(agent.process.pid));
      const { firstMs, warmMs } = await callAll(agent, targets.slice(0, used));
      await pause(restMs, interrupted);
      const proxies = await readProxies(mesh.controlPlane().adminSocket);
      const resources = proxies.find(({ name }) => name === caller)?.resources ?? [];
      return {
        ...{ readyMs, ready, warmMs },
        used: await memoryOf(pid),
        bytesReceived: resources.reduce((sum, { bytesSent }) => sum + bytesSent, 0),
        firstMs: [...firstMs, ...(await callEach(agent, targets.slice(used)))],
      };
    } finally {
      await agent.stop();
    }
  } finally {
    await mesh.stopPod(caller);
  }
}

/** Everything that a call goes through. */
function processesOf(mesh: Mesh, caller: Pod): readonly number[] {
  const server = mesh.pod(`${namespace}/server`);
  const sidecars = [caller, server].flatMap(({ sidecar }) => sidecar?.process() ?? []);
  const all = [mesh.controlPlane().process(), ...sidecars, ...server.apps];
  return all.map(({ pid }) => pid);
}

async function untilReady(prober: Agent, sidecar: Sidecar): Promise<number> {
  const startMs = await startedAtMs(sidecar.process().pid);
  const url = `http://${callerIp}:${readinessPort}/ready`;
  await waitFor({ what: 'readiness', timeoutMs: 120_000, intervalMs: 5 }, async () => {
    const { status, error } = await prober.http({ url, timeoutMs: 1_000 });
    if (status === 200) return true;
    throw new Error(error ?? `status ${status ?? 'none'}`);
  });
  return Date.now() - startMs;
}

const warmCalls = 10;
const practiceCalls = 20;

/** One first call to each, then ten rounds of warm ones. */
async function callAll(
  agent: Agent,
  targets: readonly string[],
): Promise<Pick<Run, 'firstMs' | 'warmMs'>> {
  // The caller program's own first calls are slow; these leave nothing behind in the sidecar.
  for (let call = 0; call < practiceCalls; call += 1) {
    await agent.http({ url: `http://127.0.0.1:${readinessPort}/ready` });
  }
  const firstMs = await callEach(agent, targets);
  const warmMs: number[] = [];
  for (let round = 0; round < warmCalls; round += 1) {
    warmMs.push(...(await callEach(agent, targets)));
  }
  return { firstMs, warmMs };
}

async function callEach(agent: Agent, targets: readonly string[]): Promise<readonly number[]> {
  const ms: number[] = [];
  for (const vip of targets) ms.push(await callOne(agent, vip));
  return ms;
}

async function callOne(agent: Agent, vip: string): Promise<number> {
  const { status, error, peerSpiffeId, ms } = await agent.http({ url: `http://${vip}/` });
  if (status !== 200) throw new Error(`${vip}: ${error ?? `status ${status ?? 'none'}`}`);
  if (peerSpiffeId === null) throw new Error(`${vip}: the server saw no identity`);
  return ms;
}

function summarize(
  runs: readonly Run[],
): Omit<LayoutResult, 'services' | 'layout' | 'controlPlane'> {
  const middle = (of: (run: Run) => number): number => median(runs.map(of));
  const memory = (of: (run: Run) => Memory): Memory => ({
    resident: middle((run) => of(run).resident),
    own: middle((run) => of(run).own),
  });
  const first = runs.flatMap(({ firstMs }) => firstMs);
  return {
    ready: memory(({ ready }) => ready),
    used: memory(({ used }) => used),
    readyMs: middle(({ readyMs }) => readyMs),
    bytesReceived: middle(({ bytesReceived }) => bytesReceived),
    firstMs: {
      ...{ median: median(first), p99: percentile(first, 0.99), worst: worst(first) },
      samples: first.length,
    },
    warmMs: middle(({ warmMs }) => median(warmMs)),
  };
}
