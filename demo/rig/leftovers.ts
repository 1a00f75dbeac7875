/** Finds and removes what runs of the rig left behind whose process is dead. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

const keepMark = '.keep';

/** Makes a folder for one run, whose name tells the process that owns it. */
export async function makeRunDirectory(): Promise<string> {
  return await mkdtemp(join(tmpdir(), `skerry-rig-${process.pid}-`));
}

/** Marks a run's folder as one that no later run removes. */
export async function keepRunDirectory(path: string): Promise<void> {
  await writeFile(join(path, keepMark), '');
}

/** Removes the folders of runs whose process is dead, but for those marked to be kept. */
export async function removeLeftoverDirectories(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = /^skerry-rig-(\d+)-/.exec(name)?.[1];
    const path = join(tmpdir(), name);
    if (pid === undefined || existsSync(`/proc/${pid}`) || existsSync(join(path, keepMark)))
      continue;
    await rm(path, { recursive: true, force: true });
  }
}
