/** The queue of statuses, with time that stands still: how fast, in which order, and what when it fails. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { silentLogger } from '../../../lib/index.js';
import { policyKey, type PolicyKey } from '../../../model/index.js';
import { KubernetesApiError, type KubernetesRequest } from '../../../sources/index.js';
import { heldTime, type HeldTime } from '../../../sources/kubernetes/testing/held-time.js';
import type { PolicyObject } from './policy-objects.js';
import { createStatusQueue, type Evaluation, type StatusQueue } from './status-queue.js';

let time: HeldTime;
let queue: StatusQueue;
/** Names in the order in which they were written, with the milliseconds since the start. */
let writes: { readonly name: string; readonly atMs: number }[];
let outcome: (name: string) => Promise<unknown>;
let evaluation: (key: PolicyKey) => Evaluation;
let mayWrite: boolean;
let startMs: number;
let looks: number;
let atOnce: number;
let most: number;

const keys = Array.from({ length: 1_000 }, (_, index) => policyKey('shop', `p${String(index)}`));
const [one = policyKey('', ''), two = policyKey('', '')] = keys;

function object(key: PolicyKey): PolicyObject {
  const [namespace = '', name = ''] = key.split('/');
  return {
    ...{ key, namespace, name, uid: `uid-${name}`, generation: 1 },
    ...{ specVersion: '1', resourceVersion: '1', target: '', mode: '', status: undefined },
    ...{ isGood: true, diagnostics: [], form: undefined },
  };
}

let texts: number;
/** Each time another status, as if something had changed. */
function changed(key: PolicyKey): Evaluation {
  texts += 1;
  return { kind: 'write', object: object(key), status: { conditions: [], slowest: String(texts) } };
}

beforeEach(() => {
  time = heldTime();
  startMs = time.now();
  writes = [];
  [texts, looks, atOnce, most] = [0, 0, 0, 0];
  mayWrite = true;
  outcome = () => Promise.resolve({});
  evaluation = changed;
  queue = createStatusQueue({
    client: {
      send: async ({ path }: KubernetesRequest) => {
        const name = /trafficpolicies\/(.+)\/status$/.exec(path)?.[1] ?? path;
        writes.push({ name, atMs: time.now() - startMs });
        atOnce += 1;
        most = Math.max(most, atOnce);
        try {
          return await outcome(name);
        } finally {
          atOnce -= 1;
        }
      },
    },
    ...{ clock: time, logger: silentLogger, random: () => 0, mayWrite: () => mayWrite },
    evaluate: (key) => {
      looks += 1;
      return evaluation(key);
    },
    onWritten: () => undefined,
  });
  queue.open();
});
afterEach(() => queue.close());

test('what is asked for many times in a moment is written once', async () => {
  for (let count = 0; count < 50; count += 1) queue.request(one);
  await time.elapse(2_000);
  expect(writes).toEqual([{ name: 'p0', atMs: 250 }]);
});

test('an object is written at most once a second, however often it changes', async () => {
  for (let ms = 0; ms < 10_000; ms += 100) {
    queue.request(one);
    await time.elapse(100);
  }
  const gaps = writes.slice(1).map(({ atMs }, index) => atMs - (writes[index]?.atMs ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000);
  expect(writes).toHaveLength(10);
});

test('1,000 policies that change at once are written in 10 s or a little more, 8 at a time', async () => {
  outcome = async () => {
    for (let turns = 0; turns < 4; turns += 1) await new Promise((done) => setImmediate(done));
  };
  for (const key of keys) queue.request(key);
  await time.elapse(11_000);
  expect(new Set(writes.map(({ name }) => name)).size).toBe(1_000);
  expect(writes).toHaveLength(1_000);
  expect(most).toBeLessThanOrEqual(8);
  for (let from = 0; from < 11_000; from += 500) {
    const inside = writes.filter(({ atMs }) => atMs >= from && atMs < from + 1_000);
    expect(inside.length).toBeLessThanOrEqual(101);
  }
});

test('a new generation does not stand in line behind counts', async () => {
  for (const key of keys.slice(1)) queue.request(key);
  await time.elapse(1_000);
  queue.request(one, { isUrgent: true });
  await time.elapse(300);
  expect(writes.map(({ name }) => name)).toContain('p0');
  expect(writes.length).toBeLessThan(200);
});

test('nothing to write writes nothing, and what is to wait is looked at again then', async () => {
  evaluation = () => ({ kind: 'nothing' });
  queue.request(one);
  await time.elapse(1_000);
  expect([looks, writes.length]).toEqual([1, 0]);
  const atMs = time.now() + 5_000;
  evaluation = (key) => (time.now() < atMs ? { kind: 'later', atMs } : changed(key));
  queue.request(two);
  await time.elapse(4_900);
  expect([looks, writes.length]).toEqual([2, 0]);
  await time.elapse(200);
  expect(writes.map(({ name }) => name)).toEqual(['p1']);
});

test('whoever may not write does not, and what was asked for is written when he may', async () => {
  mayWrite = false;
  queue.request(one);
  await time.elapse(3_000);
  expect([looks, writes.length]).toEqual([0, 0]);
  mayWrite = true;
  await time.elapse(1_100);
  expect(writes).toHaveLength(1);
});

test('an API server that is away is left alone for longer and longer, and then gets everything', async () => {
  let tries = 0;
  outcome = () => {
    tries += 1;
    return Promise.reject(new KubernetesApiError('away', { status: 0, reason: 'ECONNREFUSED' }));
  };
  for (const key of keys.slice(0, 100)) queue.request(key);
  await time.elapse(60_000);
  // Eight are on their way when the first fails; then one try after another.
  expect(tries).toBeLessThan(60);
  writes = [];
  outcome = () => Promise.resolve({});
  await time.elapse(40_000);
  expect(new Set(writes.map(({ name }) => name)).size).toBe(100);
});

test('an API server that asks to be left alone is', async () => {
  outcome = () =>
    Promise.reject(
      new KubernetesApiError('busy', {
        ...{ status: 429, reason: 'TooManyRequests', retryAfterSeconds: 7 },
      }),
    );
  queue.request(one);
  await time.elapse(300);
  outcome = () => Promise.resolve({});
  await time.elapse(6_500);
  expect(writes).toHaveLength(1);
  await time.elapse(1_000);
  expect(writes).toHaveLength(2);
});

test('an object that is refused waits longer and longer, and holds back no other', async () => {
  outcome = (name) =>
    name === 'p0'
      ? Promise.reject(new KubernetesApiError('no', { status: 403, reason: 'Forbidden' }))
      : Promise.resolve({});
  for (let second = 0; second < 120; second += 1) {
    queue.request(one);
    queue.request(two);
    await time.elapse(1_000);
  }
  const of = (name: string): number => writes.filter((write) => write.name === name).length;
  expect(of('p1')).toBeGreaterThan(100);
  expect(of('p0')).toBeLessThan(15);
});

test('a status that somebody keeps changing back is not fought for at full speed', async () => {
  evaluation = (key) => ({ kind: 'write', object: object(key), status: { conditions: [] } });
  for (let ms = 0; ms < 300_000; ms += 500) {
    queue.request(one);
    await time.elapse(500);
  }
  expect(writes.length).toBeLessThan(14);
}, 30_000);

test('closing waits for what is being written, and writes nothing more', async () => {
  const answers: (() => void)[] = [];
  outcome = () =>
    new Promise<void>((resolve) => {
      answers.push(resolve);
    });
  queue.request(one);
  queue.request(two);
  await time.elapse(300);
  let isClosed = false;
  const closing = queue.close().then(() => {
    isClosed = true;
  });
  await time.elapse(2_000);
  expect([answers.length, isClosed]).toEqual([2, false]);
  for (const answer of answers) answer();
  await closing;
  queue.request(one);
  await time.elapse(5_000);
  expect(writes).toHaveLength(2);
});
