/** The load generator as a process of its own, as the suites use it: commands in, answers out. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findCheckout, startProcess } from '../../demo/rig/index.js';
import type { Configured } from './fleet.js';
import {
  parseAnswer,
  type Answer,
  type Command,
  type Counts,
  type Plan,
  type PlannedSidecar,
} from './plan.js';

/** A change that is waited for. */
export interface Awaited {
  readonly holders: number;
  /** Milliseconds on the machine's monotonic clock, sorted. */
  readonly arrived: Promise<readonly number[]>;
}

/** A generator that runs. */
export interface Generator {
  readonly pid: number;
  /** Resolve when all sidecars are configured, to the milliseconds of each, sorted. */
  connect(): Promise<Configured>;
  reconnect(): Promise<Configured>;
  move(host: string, port: number): Promise<void>;
  /** Another sidecar takes the place of number `index`, and is configured. */
  replace(index: number, sidecar: PlannedSidecar): Promise<void>;
  /** How many streams have ended since the last call, or the start; each was opened again. */
  endings(): Promise<number>;
  /** The next form of a resource whose name holds `name`, at all that hold one, or at `most` of them. */
  expect(typeUrl: string, name: string, most?: number): Promise<Awaited>;
  count(): Promise<Counts>;
  record(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

type Kind = Answer['is'];

/** Starts it with a plan; `deadline` ends every wait. */
export async function startGenerator(plan: Plan, deadline: AbortSignal): Promise<Generator> {
  const folder = await mkdtemp(join(tmpdir(), `skerry-bench-${String(process.pid)}-`));
  const planFile = join(folder, 'plan.json');
  const logFile = join(folder, 'log');
  await writeFile(planFile, JSON.stringify(plan), { mode: 0o600 });
  const waiting = new Map<
    Kind,
    { readonly resolve: (answer: Answer) => void; readonly reject: (error: Error) => void }
  >();
  const fail = (error: Error): void => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  const next = async <K extends Kind>(kind: K): Promise<Extract<Answer, { is: K }>> => {
    const answer = await new Promise<Answer>((resolve, reject) => {
      waiting.set(kind, { resolve, reject });
    });
    // It was waited for under its kind.
    return answer as Extract<Answer, { is: K }>;
  };
  const abort = (): void => {
    readFile(logFile, 'utf8').then(
      (log) => {
        fail(new Error(`the load generator was not done in time: ${log.trim().slice(-800)}`));
      },
      () => {
        fail(new Error('the load generator was not done in time'));
      },
    );
  };
  const ready = next('ready');
  const child = await startProcess({
    name: 'load generator',
    argv: [
      ...['setpriv', '--pdeathsig', 'KILL', '--', process.execPath, '--enable-source-maps'],
      ...[join(dirname(findCheckout().skerry), 'load.js'), planFile],
    ],
    logFile,
    onLine: (line) => {
      const answer = parseAnswer(line);
      if (answer.is === 'failed') {
        fail(new Error(answer.message));
        return;
      }
      const found = waiting.get(answer.is);
      waiting.delete(answer.is);
      found?.resolve(answer);
    },
  });
  deadline.addEventListener('abort', abort);
  void child.ended.then(async () => {
    const log = await readFile(logFile, 'utf8').catch(() => '');
    fail(new Error(`the load generator has ended: ${log.trim().slice(-800)}`));
  });
  const ask = <K extends Kind>(command: Command, kind: K): Promise<Extract<Answer, { is: K }>> => {
    const answer = next(kind);
    child.write(`${JSON.stringify(command)}\n`);
    return answer;
  };
  await ready;
  return {
    pid: child.pid,
    connect: () => ask({ do: 'connect' }, 'configured'),
    reconnect: () => ask({ do: 'reconnect' }, 'configured'),
    move: async (host, port) => {
      await ask({ do: 'move', host, port }, 'moved');
    },
    replace: async (index, sidecar) => {
      await ask({ do: 'replace', index, sidecar }, 'replaced');
    },
    endings: async () => (await ask({ do: 'endings' }, 'ended')).streams,
    expect: async (typeUrl, name, most) => {
      const arrived = next('arrived').then(({ atMs }) => atMs);
      // Whoever waits for it hears of a failure.
      arrived.catch(() => undefined);
      const { holders } = await ask(
        { do: 'expect', typeUrl, name, ...(most !== undefined && { most }) },
        'armed',
      );
      return { holders, arrived };
    },
    count: async () => (await ask({ do: 'count' }, 'counts')).counts,
    record: async () => (await ask({ do: 'record' }, 'recorded')).responses,
    stop: async () => {
      deadline.removeEventListener('abort', abort);
      await child.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
