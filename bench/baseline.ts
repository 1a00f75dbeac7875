/** Envoy's memory with no configuration but its admin socket. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProcess } from '../demo/rig/index.js';
import { pause, type BenchEnvironment } from './bench-mesh.js';
import { memoryOf, type Memory } from './processes.js';

/** What a new process does at start is over by then. */
const restMs = 3_000;

/** Memory of an Envoy alone; rejects when it ends by itself. */
export async function measureBaseline({ envoy, interrupted }: BenchEnvironment): Promise<Memory> {
  const folder = await mkdtemp(join(tmpdir(), `skerry-bench-${process.pid}-`));
  const admin = { address: { pipe: { path: join(folder, 'admin.sock') } } };
  const child = await startProcess({
    name: 'Envoy alone',
    argv: [
      ...['setpriv', '--pdeathsig', 'KILL', '--', envoy],
      ...['--config-yaml', JSON.stringify({ admin }), '--disable-hot-restart'],
      ...['--concurrency', '1', '--log-level', 'error'],
    ],
    logFile: join(folder, 'envoy.log'),
  });
  try {
    await pause(restMs, interrupted);
    return await memoryOf(child.pid);
  } finally {
    await child.stop();
    await rm(folder, { recursive: true });
  }
}
