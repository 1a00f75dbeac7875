/** What Linux tells about a process: memory and start (proc(5)). */
import { readFile, writeFile } from 'node:fs/promises';

/** Resident memory in bytes; rejects when the process is gone. */
export async function residentBytes(pid: number): Promise<number> {
  return parseResidentBytes(await readFile(`/proc/${pid}/status`, 'utf8'));
}

/** VmRSS of the text of `/proc/<pid>/status`; NaN where there is none (a process that has ended). */
export function parseResidentBytes(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}

/** Memory of a process, in bytes. */
export interface Memory {
  readonly resident: number;
  /** Resident and its own alone: without pages of programs, which all of the machine share. */
  readonly own: number;
}

/** RssAnon is what it has written: heap and stacks. Rejects when the process is gone. */
export async function memoryOf(pid: number): Promise<Memory> {
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
  const own = Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1024;
  return { resident: parseResidentBytes(status), own };
}

/** When the process began, in milliseconds since the epoch, to 10 ms; rejects when it is gone. */
export async function startedAtMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const uptime = Number((await readFile('/proc/uptime', 'utf8')).split(' ', 1)[0]);
  return Date.now() - (uptime * 1000 - parseStartAfterBootMs(stat));
}

/** Linux counts in hundredths of a second towards user space on every machine that Envoy is built for. */
const tickMs = 10;

/** Field 22 of the text of `/proc/<pid>/stat`, in milliseconds after the boot. */
export function parseStartAfterBootMs(stat: string): number {
  // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[19] ?? Number.NaN) * tickMs;
}

/** Processor time that a process has taken so far, user and system, in milliseconds, to 10 ms. */
export async function cpuMs(pid: number): Promise<number> {
  return parseCpuMs(await readFile(`/proc/${String(pid)}/stat`, 'utf8'));
}

/** Fields 14 and 15 of the text of `/proc/<pid>/stat`. */
export function parseCpuMs(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? Number.NaN) + Number(fields[12] ?? Number.NaN)) * tickMs;
}

/** The most memory that was resident at once since the start or the last {@link resetPeak}, in bytes. */
export async function peakBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}

/** Begins the peak anew (`clear_refs` of proc(5)). */
export async function resetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${String(pid)}/clear_refs`, '5');
}

/**
 * Puts processes that were started as sessions of their own before all else on the machine, so that
 * what they take is their own doing (`autogroup` of sched(7): niceness counts within a session only).
 * Does nothing on a kernel without it.
 */
export async function goAhead(pids: readonly number[]): Promise<void> {
  for (const pid of pids) {
    await writeFile(`/proc/${String(pid)}/autogroup`, '-20').catch(() => undefined);
  }
}
