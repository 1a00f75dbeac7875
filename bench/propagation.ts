/** Measures the way of a change from the write of a file to the last sidecar's ACK. */
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitFor, type Agent, type Mesh, type Pod } from '../demo/rig/index.js';
import { formatTable } from '../src/cli/index.js';
import { pause, withMesh, type BenchEnvironment } from './bench-mesh.js';
import { changes, initialFiles, serverIp, vips, type Change } from './changes.js';
import { documents, namespace, namespaceText, podText } from './manifests.js';
import { describeMachine, formatMachine, measureNoise, type Machine } from './noise.js';
import type { PropagationOptions } from './options.js';
import { areSettled, lastArrival, readProxies, rejectErrors, type ProxyState } from './proxies.js';
import { median, percentile, worst } from './statistics.js';

/** What one change took; milliseconds from the rename of its file. */
export interface ChangeResult {
  readonly change: string;
  readonly types: readonly string[];
  readonly medianMs: number;
  readonly p90Ms: number;
  readonly worstMs: number;
  /** The median until the control plane had handed the last response to the last stream. */
  readonly sentMedianMs: number;
  /** Every round, to the last sidecar's last ACK. */
  readonly samplesMs: readonly number[];
}

/** What `--json` prints. */
export interface PropagationReport {
  readonly bench: 'propagation';
  readonly sidecars: number;
  readonly rounds: number;
  readonly services: number;
  readonly changes: readonly ChangeResult[];
  readonly machine: Machine;
}

/** How often the control plane is asked; its own time stamps count, so this adds nothing to a sample. */
const pollMs = 50;
const roundTimeoutMs = 20_000;
/** Between rounds, so that what Envoy does late of one does not fall into the next. */
const restMs = 60;

/** Runs the bench; rejects, with everything taken down, when a change does not arrive. */
export async function benchPropagation(
  options: PropagationOptions,
  { envoy, say, interrupted }: BenchEnvironment,
): Promise<PropagationReport> {
  const { sidecars, rounds, services } = options;
  const before = measureNoise();
  const callers = Array.from({ length: sidecars }, (_, index) => `caller-${index + 1}`);
  const results = await withMesh(
    {
      envoy,
      bulk: { count: services, namespaces: 'many' },
      files: { '00-pods.yaml': podsText(callers), ...initialFiles() },
      startWith: ({ name }) => name === 'server',
      onStep: say,
    },
    async (mesh) => {
      await rejectErrors(mesh.controlPlane().adminSocket);
      await startCallers(mesh, callers, { envoy, say, interrupted });
      const samples: ChangeResult[] = [];
      for (const change of changes) {
        say(`${rounds} rounds: ${change.name}`);
        samples.push(...(await measureChange(mesh, change, { rounds, interrupted })));
      }
      return samples;
    },
  );
  return {
    bench: 'propagation',
    ...{ sidecars, rounds, services, changes: results },
    machine: describeMachine(before),
  };
}

function podsText(callers: readonly string[]): string {
  return documents(
    namespaceText(),
    podText({
      name: 'server',
      ip: serverIp,
      serviceAccount: 'server',
      hasSidecar: false,
      app: 'http-server',
    }),
    ...callers.map((name, index) =>
      podText({ name, ip: `10.66.1.${index + 1}`, serviceAccount: 'caller', hasSidecar: true }),
    ),
  );
}

/** Starts the pods and has each call, so that each sidecar holds what the changes touch. */
async function startCallers(
  mesh: Mesh,
  callers: readonly string[],
  { say, interrupted }: BenchEnvironment,
): Promise<void> {
  say(`starting ${callers.length} sidecars`);
  for (const name of callers) {
    interrupted.throwIfAborted();
    const pod = await mesh.startPod(`${namespace}/${name}`);
    const agent = await pod.startAgent();
    await callAll(agent, pod).finally(() => agent.stop());
  }
  await untilSettled(mesh, interrupted);
  const connected = (await readProxies(mesh.controlPlane().adminSocket)).length;
  if (connected !== callers.length) {
    throw new Error(`expected ${callers.length} connected sidecars, found ${connected}`);
  }
}

async function callAll(agent: Agent, { key, sidecar }: Pod): Promise<void> {
  const call = (vip: string): ReturnType<Agent['http']> =>
    agent.http({ url: `http://${vip}/`, timeoutMs: 10_000 });
  const ended = new AbortController();
  await waitFor(
    { what: `an answer to ${key}`, timeoutMs: 30_000, signal: ended.signal },
    async () => {
      if (sidecar?.process().isRunning() === false) {
        const log = await sidecar.log();
        ended.abort(new Error(`the sidecar of ${key} has ended: ${log.slice(0, 500)}`));
        return undefined;
      }
      const { status, error } = await call(vips.target);
      if (status === 200) return true;
      throw new Error(error ?? `status ${status ?? 'none'}`);
    },
  );
  // Nobody has this address yet: refused, and asked for.
  await call(vips.late);
}

interface Sample {
  readonly sentMs: number;
  readonly ackedMs: number;
}

async function measureChange(
  mesh: Mesh,
  change: Change,
  { rounds, interrupted }: { readonly rounds: number; readonly interrupted: AbortSignal },
): Promise<readonly ChangeResult[]> {
  const path = join(mesh.directory, change.file);
  const draft = join(mesh.runDirectory, 'draft');
  const samples: Sample[] = [];
  const removals: Sample[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    // Beside the directory: the control plane sees the rename alone.
    await writeFile(draft, change.text(round));
    samples.push(await measure(mesh, change, () => rename(draft, path), interrupted));
    const { removal } = change;
    if (removal !== undefined) {
      removals.push(await measure(mesh, removal, () => rm(path), interrupted));
    }
  }
  const { removal } = change;
  return [
    summarize(change, samples),
    ...(removal === undefined ? [] : [summarize(removal, removals)]),
  ];
}

/** Does something to the directory and waits until all sidecars have accepted what follows. */
async function measure(
  mesh: Mesh,
  { name, types }: Pick<Change, 'name' | 'types'>,
  write: () => Promise<void>,
  interrupted: AbortSignal,
): Promise<Sample> {
  const writtenAtMs = performance.timeOrigin + performance.now();
  await write();
  const arrival = await waitFor(
    { what: name, timeoutMs: roundTimeoutMs, intervalMs: pollMs, signal: interrupted },
    async () => {
      const proxies = await readProxies(mesh.controlPlane().adminSocket);
      throwIfRejected(proxies);
      // The control plane's stamps are whole milliseconds.
      return lastArrival(proxies, types, Math.floor(writtenAtMs));
    },
  );
  await untilSettled(mesh, interrupted);
  return { sentMs: arrival.sentAtMs - writtenAtMs, ackedMs: arrival.ackedAtMs - writtenAtMs };
}

function summarize(
  { name, types }: Pick<Change, 'name' | 'types'>,
  samples: readonly Sample[],
): ChangeResult {
  const acked = samples.map(({ ackedMs }) => ackedMs);
  return {
    change: name,
    types,
    medianMs: median(acked),
    p90Ms: percentile(acked, 0.9),
    worstMs: worst(acked),
    sentMedianMs: median(samples.map(({ sentMs }) => sentMs)),
    samplesMs: acked,
  };
}

function throwIfRejected(proxies: readonly ProxyState[]): void {
  const rejected = proxies.flatMap((proxy) => proxy.rejected)[0];
  if (rejected !== undefined) {
    throw new Error(`${rejected.resource} was refused: ${rejected.message}`);
  }
}

const calmMs = 200;

/** Waits until no sidecar was sent or has accepted anything for a while. */
async function untilSettled(mesh: Mesh, interrupted: AbortSignal): Promise<void> {
  await waitFor({ what: 'settled sidecars', timeoutMs: 30_000, intervalMs: restMs }, async () => {
    interrupted.throwIfAborted();
    const proxies = await readProxies(mesh.controlPlane().adminSocket);
    const newest = Math.max(
      0,
      ...proxies.flatMap(({ resources }) =>
        resources.map(({ lastSentAtMs = 0, lastAckAtMs = 0 }) =>
          Math.max(lastSentAtMs, lastAckAtMs),
        ),
      ),
    );
    return areSettled(proxies) && Date.now() - newest > calmMs ? true : undefined;
  });
  await pause(restMs, interrupted);
}

/** The report as text. */
export function formatPropagation(report: PropagationReport): string {
  const ms = (value: number): string => value.toFixed(1);
  const rows = report.changes.map((one) => [
    one.change,
    ms(one.medianMs),
    ms(one.p90Ms),
    ms(one.worstMs),
    ms(one.sentMedianMs),
    `${report.sidecars}`,
    `${report.rounds}`,
  ]);
  return [
    `From the rename of a file to the last sidecar's ACK, in milliseconds; ${report.services} Services beside those that change.`,
    '',
    formatTable(['CHANGE', 'MEDIAN', 'P90', 'WORST', 'SENT', 'SIDECARS', 'ROUNDS'], rows),
    '',
    'SENT: the median until the last response was handed to the last stream.',
    formatMachine(report.machine),
  ].join('\n');
}
