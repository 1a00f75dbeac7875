/** What the control plane itself costs: memory, and time from its start to serving. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findCheckout, startProcess, waitFor, type RunningProcess } from '../demo/rig/index.js';
import { residentBytes, startedAtMs } from './processes.js';

/** The control plane of one row. */
export interface ControllerCost {
  /** Resident when it has served for a second. */
  readonly bytes: number;
  /** From its exec to its log line `serving`, to 10 ms. */
  readonly servingMs: number;
}

const restMs = 1_000;

/** Starts a control plane with a new state, without sidecars, on loopback; rejects when it does not serve in time. */
export async function measureController(
  directory: string,
  layout: 'on-demand' | 'eager',
  interrupted: AbortSignal,
): Promise<ControllerCost> {
  const folder = await mkdtemp(join(tmpdir(), `skerry-bench-${process.pid}-`));
  const child = await startProcess({
    name: 'control plane',
    argv: [
      ...['setpriv', '--pdeathsig', 'KILL', '--', process.execPath, findCheckout().skerry],
      ...['controller', '--directory', directory, '--state-dir', join(folder, 'state')],
      ...['--listen', '127.0.0.1:0', '--outbound', layout],
    ],
    logFile: join(folder, 'log'),
  });
  try {
    const startMs = await startedAtMs(child.pid);
    const servedAtMs = await untilServing(child, interrupted);
    await new Promise((resolve) => setTimeout(resolve, restMs));
    return { bytes: await residentBytes(child.pid), servingMs: servedAtMs - startMs };
  } finally {
    await child.stop();
    await rm(folder, { recursive: true });
  }
}

/** When it served, by its own log, in milliseconds since the epoch. */
function untilServing(child: RunningProcess, interrupted: AbortSignal): Promise<number> {
  return waitFor(
    { what: 'the control plane', timeoutMs: 180_000, intervalMs: 100, signal: interrupted },
    async () => {
      const log = await readFile(child.logFile, 'utf8');
      const servedAt = /"time":"([^"]+)"[^\n]*"message":"serving"/.exec(log)?.[1];
      if (servedAt !== undefined) return Date.parse(servedAt);
      throw new Error(log.slice(-500));
    },
  );
}
