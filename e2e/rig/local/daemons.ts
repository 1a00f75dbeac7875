/** Starts and ends the programs of a node. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, waitFor } from '../../../demo/rig/index.js';
import { insideArgv } from './node.js';
import type { ClusterPaths } from './paths.js';

/** One program of the node. */
export interface Daemon {
  readonly name: string;
  readonly argv: readonly string[];
}

/** A node that runs. */
export interface RunningNode {
  readonly paths: ClusterPaths;
  readonly pid: number;
}

/** Runs a command in the node and returns what it prints. Throws CommandError. */
export async function runInside(
  node: RunningNode,
  argv: readonly string[],
  input = '',
): Promise<string> {
  const { stdout } = await runCommand([...insideArgv(node.pid), ...argv], input);
  return stdout;
}

/** Starts a program that outlives this process and ends with the node; its log is appended to. */
export function startDaemon({ paths, pid }: RunningNode, { name, argv }: Daemon): void {
  const start = 'echo $$ > "$1.new"; mv "$1.new" "$1"; log=$2; shift 2; exec "$@" >>"$log" 2>&1';
  const files = [join(paths.pids, name), join(paths.logs, `${name}.log`)];
  const [nsenter = '', ...into] = insideArgv(pid);
  spawn(nsenter, [...into, 'sh', '-c', start, 'sh', ...files, ...argv], {
    detached: true,
    stdio: 'ignore',
    cwd: '/',
  }).unref();
}

/** Whether a program that was started still runs. */
export async function isDaemonUp(node: RunningNode, name: string): Promise<boolean> {
  const file = join(node.paths.pids, name);
  if (!existsSync(file)) return false;
  const inner = (await readFile(file, 'utf8')).trim();
  const probe = `kill -0 ${inner} 2>/dev/null && echo up || true`;
  return (await runInside(node, ['sh', '-c', probe])).trim() === 'up';
}

/** Ends a program at once; resolves when it has ended. */
export async function killDaemon(node: RunningNode, name: string): Promise<void> {
  const file = join(node.paths.pids, name);
  if (!existsSync(file)) return;
  const inner = (await readFile(file, 'utf8')).trim();
  await runInside(node, ['sh', '-c', `kill -9 ${inner} 2>/dev/null || true`]);
  await waitFor({ what: `the end of ${name}`, timeoutMs: 10_000 }, async () =>
    (await isDaemonUp(node, name)) ? undefined : true,
  );
  await rm(file, { force: true });
}

/** Waits until `look` no longer throws; rejects at once, with the log's end, when `name` has ended. */
export async function untilServing(
  node: RunningNode,
  name: string,
  look: () => Promise<unknown>,
): Promise<void> {
  const log = join(node.paths.logs, `${name}.log`);
  const deadline = performance.now() + 120_000;
  for (let last = ''; ;) {
    try {
      await look();
      return;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    const isStarted = existsSync(join(node.paths.pids, name));
    const isGone = isStarted && !(await isDaemonUp(node, name));
    if (isGone || performance.now() > deadline) {
      const text = existsSync(log) ? await readFile(log, 'utf8') : '';
      const end = text.split('\n').slice(-15).join('\n');
      throw new Error(`${name} ${isGone ? 'has ended' : `is not ready: ${last}`}\n${log}:\n${end}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
