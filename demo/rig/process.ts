/** Child processes of the rig: logs in files, stopped by pid, killed with their parent. State: the set of those alive. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What to start. */
export interface ProcessOptions {
  /** For messages. */
  readonly name: string;
  /** The program and its arguments; every program in front of the last must exec the next, so that the pid stays. */
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Appended to. Standard error goes there, and standard output unless `onLine` is given. */
  readonly logFile: string;
  /** Gets each line of standard output, and opens standard input for `write`. */
  readonly onLine?: (line: string) => void;
}

/** A process that was started. */
export interface RunningProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  readonly isRunning: () => boolean;
  /** Never rejects. */
  readonly ended: Promise<ProcessEnd>;
  /** Writes to standard input; nothing happens when the process was started without `onLine`. */
  readonly write: (text: string) => void;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** SIGTERM, then SIGKILL after `graceMs`; resolves when it has ended. */
  readonly stop: (graceMs?: number) => Promise<ProcessEnd>;
}

/** A program that failed. */
export class CommandError extends Error {
  readonly code = 'COMMAND_FAILED';
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;

  constructor(
    argv: readonly string[],
    outcome: { exitCode: number | null; stdout: string; stderr: string },
  ) {
    const said = outcome.stderr.trim() === '' ? outcome.stdout : outcome.stderr;
    super(`${argv.join(' ')}: exit ${outcome.exitCode ?? 'by signal'}: ${said.trim()}`);
    this.name = 'CommandError';
    this.exitCode = outcome.exitCode;
    this.stdout = outcome.stdout;
    this.stderr = outcome.stderr;
  }
}

const alive = new Set<ChildProcess>();
let hasExitHook = false;

/** Kills what still runs when this process ends for whatever reason that lets handlers run. */
function installExitHook(): void {
  if (hasExitHook) return;
  hasExitHook = true;
  process.on('exit', () => {
    for (const child of alive) child.kill('SIGKILL');
  });
}

/**
 * Starts a process that the kernel kills if this one dies (PR_SET_PDEATHSIG, prctl(2)), so that
 * not even `kill -9` of the rig leaves one behind. Throws when the program cannot be started.
 */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  installExitHook();
  const log = openSync(options.logFile, 'a');
  const isPiped = options.onLine !== undefined;
  const [program, ...args] = options.argv;
  if (program === undefined) throw new Error(`${options.name}: nothing to start`);
  const child = spawn(program, args, {
    stdio: isPiped ? ['pipe', 'pipe', log] : ['ignore', log, log],
    env: { ...process.env, ...options.env },
    // A Ctrl-C in the terminal is for the rig alone, which then stops its children in order.
    detached: true,
  });
  closeSync(log);
  alive.add(child);
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once('close', (code, signal) => {
      alive.delete(child);
      resolve({ code, signal });
    });
  });
  if (options.onLine !== undefined) readLines(child.stdout, options.onLine);
  child.stdin?.on('error', () => undefined);
  const pid = await spawned(child);
  return describe(options, { child, pid, ended });
}

function spawned(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      alive.delete(child);
      reject(error);
    });
    child.once('spawn', () => {
      if (child.pid === undefined) reject(new Error('the process has no pid'));
      else resolve(child.pid);
    });
  });
}

function describe(
  options: ProcessOptions,
  started: { child: ChildProcess; pid: number; ended: Promise<ProcessEnd> },
): RunningProcess {
  const { child, pid, ended } = started;
  const stdin: Writable | null = child.stdin;
  return {
    name: options.name,
    pid,
    logFile: options.logFile,
    ended,
    isRunning: () => alive.has(child),
    write: (text) => {
      stdin?.write(text);
    },
    signal: (signal) => {
      child.kill(signal);
    },
    stop: async (graceMs = 5_000) => {
      if (!alive.has(child)) return await ended;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      const end = await ended;
      clearTimeout(timer);
      return end;
    },
  };
}

function readLines(stream: Readable | null, onLine: (line: string) => void): void {
  if (stream !== null) createInterface({ input: stream }).on('line', onLine);
}

/** Runs a program to its end and returns what it printed; `input` goes to standard input. Throws CommandError when it fails. */
export async function runCommand(
  argv: readonly string[],
  input = '',
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const [program, ...args] = argv;
  if (program === undefined) throw new Error('no program to run');
  const child = spawn(program, args, { stdio: 'pipe' });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const stdout = Buffer.concat(out).toString('utf8');
  const stderr = Buffer.concat(err).toString('utf8');
  if (exitCode !== 0) throw new CommandError(argv, { exitCode, stdout, stderr });
  return { stdout, stderr };
}

/** The beginning of an argument list that gives a root process a parent to die with. */
export const diesWithParent: readonly string[] = ['setpriv', '--pdeathsig', 'KILL', '--'];
