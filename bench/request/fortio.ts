/** The load tool: its server in one pod, its load from another, its report read. */
import { chmod, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import {
  runCommand,
  startProcess,
  waitFor,
  type Pod,
  type RunningProcess,
} from '../../demo/rig/index.js';

/** What a run of load has seen. */
export interface LoadResult {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** How the load is made. */
export interface LoadPlan {
  /** Requests a second over all connections; 0: as many as there can be. */
  readonly rate: number;
  readonly connections: number;
  readonly seconds: number;
  /** The protocol's own arguments. */
  readonly target: readonly string[];
}

const reportSchema = z.object({
  ActualQPS: z.number(),
  RetCodes: z.record(z.string(), z.number()),
  DurationHistogram: z.object({
    Count: z.number(),
    Percentiles: z.array(z.object({ Percentile: z.number(), Value: z.number() })),
  }),
});

/** How it calls a success: by HTTP, gRPC and TCP. */
const successes = new Set(['200', 'SERVING', 'OK']);

/** The tool where a pod's user may run it; a home directory is closed to that user. */
export async function placeFortio(fortio: string, runDirectory: string): Promise<string> {
  const path = join(runDirectory, 'fortio');
  await copyFile(fortio, path);
  await chmod(path, 0o755);
  return path;
}

/** Its servers, each on its usual port. */
export async function startServer(pod: Pod, fortio: string): Promise<RunningProcess> {
  const unused = ['-redirect-port', 'disabled', '-udp-port', 'disabled', '-ui-path', ''];
  const server = await startProcess({
    name: `server in ${pod.key}`,
    argv: pod.argv([fortio, 'server', '-quiet', ...unused]),
    logFile: join(pod.directory, 'fortio.log'),
  });
  // Asked over its own loopback, which no sidecar redirects.
  await waitForAnswer(pod, fortio, 'http://127.0.0.1:8080/');
  return server;
}

/** Waits until the pod gets an answer from there. */
export async function waitForAnswer(pod: Pod, fortio: string, url: string): Promise<void> {
  const ask = pod.argv([fortio, 'curl', '-quiet', url]);
  await waitFor({ what: `${url} in ${pod.key}`, timeoutMs: 10_000, intervalMs: 100 }, () =>
    runCommand(ask).then(
      () => true,
      () => undefined,
    ),
  );
}

/** Runs the load. @throws Error when a single request fails. */
export async function runLoad(pod: Pod, fortio: string, plan: LoadPlan): Promise<LoadResult> {
  const { rate, connections, seconds, target } = plan;
  const { stdout } = await runCommand(
    pod.argv([
      ...[fortio, 'load', '-quiet', '-json', '-', '-p', '50,99', '-r', '0.00001', '-uniform'],
      ...['-qps', `${rate}`, '-c', `${connections}`, '-t', `${seconds}s`, ...target],
    ]),
  );
  return parseReport(stdout);
}

/** Reads the tool's JSON, which may stand between lines for people. */
export function parseReport(text: string): LoadResult {
  const json = text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1);
  const { ActualQPS, RetCodes, DurationHistogram } = reportSchema.parse(JSON.parse(json));
  const failed = Object.entries(RetCodes).filter(([code]) => !successes.has(code));
  if (failed.length > 0) {
    const codes = failed.map(([code, count]) => `${count} times ${code}`).join(', ');
    throw new Error(`requests failed: ${codes}`);
  }
  const percentile = (wanted: number): number => {
    const found = DurationHistogram.Percentiles.find(({ Percentile }) => Percentile === wanted);
    return (found?.Value ?? Number.NaN) * 1000;
  };
  return {
    requests: DurationHistogram.Count,
    perSecond: ActualQPS,
    p50Ms: percentile(50),
    p99Ms: percentile(99),
  };
}
