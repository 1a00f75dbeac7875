/** Leader election against a real kube-apiserver: one leads, another takes over, never two write. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubernetesApiError } from './api-error.js';
import { openKubernetesClient, type KubernetesClient } from './client.js';
import { createLeaderElector, type LeaderElector } from './lease.js';
import { startApiServer, type TestApiServer } from './testing/api-server.js';
import { heldTime, type HeldTime } from './testing/held-time.js';

let server: TestApiServer;
let client: KubernetesClient;
let namespace: string;
let made = 0;
let rivals: Rival[] = [];

/** A replica with a machine of its own. */
interface Rival {
  readonly elector: LeaderElector;
  readonly time: HeldTime;
  /** What was told, in order. */
  readonly told: string[];
  readonly problems: string[];
  /** Its requests get no answer from now on. */
  cut(): void;
  /** How many requests it has had an answer to, good or bad. */
  answers(): number;
  /** How many wait for theirs. */
  underWay(): number;
}

function rival(identity: string): Rival {
  const time = heldTime();
  const told: string[] = [];
  const problems: string[] = [];
  let isCut = false;
  let answers = 0;
  let sent = 0;
  const elector = createLeaderElector({
    client: {
      send: async (request) => {
        sent += 1;
        try {
          if (!isCut) return await client.send(request);
          throw new KubernetesApiError('cut', { status: 0, reason: 'ECONNREFUSED' });
        } finally {
          answers += 1;
        }
      },
    },
    ...{ clock: time, monotonicMs: () => time.monotonicMs(), random: () => 0 },
    ...{ namespace, identity },
    onStarted: (signal) => {
      told.push('started');
      signal.addEventListener('abort', () => told.push('aborted'));
    },
    onStopped: () => {
      told.push('stopped');
      return Promise.resolve();
    },
    onProblem: (problem) => problems.push(problem),
  });
  const made: Rival = {
    ...{ elector, time, told, problems },
    cut: () => (isCut = true),
    answers: () => answers,
    underWay: () => sent - answers,
  };
  rivals.push(made);
  return made;
}

async function waitFor(what: string, isTrue: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  do {
    if (Date.now() > deadline) throw new Error(`not within 30 s: ${what}`);
    await sleep(1);
  } while (!isTrue());
}

/** Half a second for each of them, and the answers to whatever they ask; nobody may share a term. */
async function step(...those: readonly Rival[]): Promise<void> {
  for (const one of those) {
    one.time.advance(500);
    await waitFor('its answers', () => one.underWay() === 0);
  }
  expect(rivals.filter(({ elector }) => elector.mayWrite()).length).toBeLessThanOrEqual(1);
}

/** Steps until it is true; returns the milliseconds of held time it took. */
async function stepUntil(isTrue: () => boolean, ...those: readonly Rival[]): Promise<number> {
  for (let ms = 0; ms <= 40_000; ms += 500) {
    if (isTrue()) return ms;
    await step(...those);
  }
  throw new Error('not within 40 s of held time');
}

async function startLeading(one: Rival): Promise<void> {
  one.elector.start();
  await waitFor('a leader', () => one.elector.mayWrite());
}

beforeAll(async () => {
  server = await startApiServer();
  client = openKubernetesClient({ kubeconfig: server.kubeconfig });
});
afterAll(async () => {
  client.close();
  await server.stop();
});
beforeEach(async () => {
  made += 1;
  namespace = `lease-${String(made)}`;
  rivals = [];
  const metadata = { name: namespace };
  await client.send({ method: 'POST', path: '/api/v1/namespaces', body: { metadata } });
});
afterEach(async () => {
  await Promise.all(rivals.map(({ elector }) => elector.stop()));
});

test('one of three leads, and the next follows at once when it gives the Lease back', async () => {
  const [a, b, c] = [rival('a'), rival('b'), rival('c')];
  await startLeading(a);
  b.elector.start();
  c.elector.start();
  for (let count = 0; count < 80; count += 1) await step(a, b, c);
  expect(a.told).toEqual(['started']);
  expect([b.told, c.told]).toEqual([[], []]);
  expect(b.elector.leader()).toBe('a');
  await a.elector.stop();
  expect(a.told).toEqual(['started', 'aborted', 'stopped']);
  const tookMs = await stepUntil(() => b.elector.mayWrite() || c.elector.mayWrite(), b, c);
  expect(tookMs).toBeLessThanOrEqual(3_000);
});

test('a leader that is cut off stops before another one starts, which is within 20 s', async () => {
  const [a, b] = [rival('a'), rival('b')];
  await startLeading(a);
  b.elector.start();
  for (let count = 0; count < 8; count += 1) await step(a, b);
  a.cut();
  const stoppedMs = await stepUntil(() => !a.elector.mayWrite(), a, b);
  expect(stoppedMs).toBeLessThanOrEqual(10_000);
  expect(a.told).toEqual(['started', 'aborted', 'stopped']);
  expect(b.elector.mayWrite()).toBe(false);
  const startedMs = stoppedMs + (await stepUntil(() => b.elector.mayWrite(), a, b));
  expect(startedMs).toBeGreaterThanOrEqual(13_000);
  expect(startedMs).toBeLessThanOrEqual(20_000);
  expect(a.problems).toEqual(['cut']);
});

test('a process that was stopped may not write when it wakes, although no timer has run', async () => {
  const [a, b] = [rival('a'), rival('b')];
  await startLeading(a);
  b.elector.start();
  for (let ms = 0; ms < 30_000 && !b.elector.mayWrite(); ms += 500) {
    a.time.pass(500);
    await step(b);
  }
  expect(b.elector.mayWrite()).toBe(true);
  // Nothing has told it yet, and still it knows.
  expect(a.told).toEqual(['started']);
  expect(a.elector.mayWrite()).toBe(false);
  await step(a, b);
  await waitFor('the end of the term', () => a.told.includes('stopped'));
  for (let count = 0; count < 20; count += 1) await step(a, b);
  expect(b.elector.mayWrite()).toBe(true);
  expect(a.elector.leader()).toBe('b');
});

test('a leader whose machine slept, or whose clock was set forward, stops; one set back gains nothing', async () => {
  const a = rival('a');
  await startLeading(a);
  const start = a.time.now();
  a.time.setWall(start - 3_600_000);
  expect(a.elector.mayWrite()).toBe(true);
  a.time.pass(10_000);
  expect(a.elector.mayWrite()).toBe(false);
  a.time.setWall(start);
  a.time.advance(0);
  await waitFor('another term', () => a.elector.mayWrite());
  a.time.setWall(a.time.now() + 10_000);
  expect(a.elector.mayWrite()).toBe(false);
});

test('a Lease written at the same moment by two is won by one', async () => {
  const eight = Array.from({ length: 8 }, (_, index) => rival(`r${String(index)}`));
  for (const { elector } of eight) elector.start();
  await waitFor('all to have tried', () => eight.every((one) => one.answers() >= 1));
  await waitFor('a leader', () => eight.some(({ elector }) => elector.mayWrite()));
  for (let count = 0; count < 12; count += 1) await step(...eight);
  expect(eight.flatMap(({ told }) => told)).toEqual(['started']);
});

test('while the API server is away nobody may write; afterwards one leads again', async () => {
  const [a, b] = [rival('a'), rival('b')];
  await startLeading(a);
  b.elector.start();
  await server.kill();
  await stepUntil(() => !a.elector.mayWrite(), a, b);
  for (let count = 0; count < 60; count += 1) await step(a, b);
  expect([a, b].some(({ elector }) => elector.isLeader())).toBe(false);
  await server.start();
  await stepUntil(() => a.elector.mayWrite() || b.elector.mayWrite(), a, b);
});

test('by the real clock another one leads within 20 s of a crash', async () => {
  const first = createLeaderElector({
    ...{ clock: cutClock(), client, namespace, identity: 'first' },
    onStarted: () => undefined,
    onStopped: () => Promise.resolve(),
  });
  first.start();
  await waitFor('a leader', () => first.mayWrite());
  const second = createLeaderElector({
    ...{ clock: realClock, client, namespace, identity: 'second' },
    onStarted: () => undefined,
    onStopped: () => Promise.resolve(),
  });
  const startedAt = performance.now();
  second.start();
  await waitFor('another leader', () => second.mayWrite());
  expect(performance.now() - startedAt).toBeLessThan(20_000);
  expect(first.mayWrite()).toBe(false);
  await second.stop();
});

const realClock = {
  now: () => Date.now(),
  after: (delayMs: number, task: () => void): (() => void) => {
    const timer = setTimeout(task, delayMs);
    return () => {
      clearTimeout(timer);
    };
  },
};

/** The clock of a process whose timers never run again: it is stuck. */
function cutClock(): typeof realClock {
  return { now: realClock.now, after: () => () => undefined };
}
