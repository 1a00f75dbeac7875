/** Finds and removes what runs of the rig left behind whose process is dead. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { runCommand } from './process.js';

/** The names of all namespaces of the `serial`-th network of process `pid` begin with this. */
export function networkPrefix(pid: number, serial: number): string {
  return `sk${pid}x${serial}-`;
}

/** The process that owns a namespace; undefined for names that are none of the rig's. */
export function ownerOf(namespace: string): number | undefined {
  const pid = /^sk(\d+)x\d+-/.exec(namespace)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** The rig's namespaces on this machine whose owner does not run any more. */
export async function leftoverNamespaces(): Promise<readonly string[]> {
  const names = existsSync('/run/netns') ? await readdir('/run/netns') : [];
  return names.filter((name) => {
    const pid = ownerOf(name);
    return pid !== undefined && !existsSync(`/proc/${pid}`);
  });
}

/** Kills by pid what still runs in these namespaces, and deletes them. One that is gone already is no error. */
export async function removeLeftovers(namespaces: readonly string[]): Promise<void> {
  for (const name of namespaces) {
    try {
      const { stdout } = await runCommand(['ip', 'netns', 'pids', name]);
      for (const pid of stdout.split('\n').filter((line) => line !== '')) kill(Number(pid));
      await runCommand(['ip', 'netns', 'delete', name]);
    } catch (error) {
      // Another run may clean up at the same time.
      if (existsSync(`/run/netns/${name}`)) throw error;
    }
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    const isGone = error instanceof Error && 'code' in error && error.code === 'ESRCH';
    if (!isGone) throw error;
  }
}
