/** Writing the summary of a replica, with time that stands still. */
import { beforeEach, expect, test } from '@jest/globals';
import { silentLogger } from '../../../lib/index.js';
import { KubernetesApiError, type KubernetesRequest } from '../../../sources/index.js';
import { heldTime, type HeldTime } from '../../../sources/kubernetes/testing/held-time.js';
import { createOwnSummary, silentMs, type OwnSummary } from './own-summary.js';

let time: HeldTime;
let summary: OwnSummary;
let startMs: number;
let requests: { readonly method: string; readonly atMs: number; readonly body: unknown }[];
let outcome: () => Promise<unknown>;
let warnings: string[];
let truth: string;

beforeEach(() => {
  time = heldTime();
  startMs = time.now();
  [requests, warnings] = [[], []];
  truth = '1';
  outcome = () => Promise.resolve({});
  summary = createOwnSummary({
    client: {
      send: ({ method, body }: KubernetesRequest) => {
        requests.push({ method, body, atMs: time.now() - startMs });
        return outcome();
      },
    },
    logger: { ...silentLogger, warn: (message) => warnings.push(message) },
    ...{ clock: time, random: () => 0, namespace: 'skerry-system', replica: 'one' },
    make: () => ({
      ...{ replica: 'one', policiesVersion: truth, served: new Set() },
      ...{ behind: new Map(), changed: new Map(), refused: new Map(), wouldDeny: new Map() },
    }),
  });
});

test('one in which nothing changes is written every five seconds, each time another object', async () => {
  summary.start();
  await time.elapse(21_000);
  expect(requests.map(({ atMs }) => Math.round(atMs / 1_000))).toEqual([0, 5, 10, 15, 20]);
  expect(new Set(requests.map(({ body }) => JSON.stringify(body))).size).toBe(5);
  await summary.stop();
});

test('what changes is written soon, what changes together once, and never twice within a second', async () => {
  summary.start();
  await time.elapse(2_000);
  requests = [];
  truth = '2';
  for (let count = 0; count < 20; count += 1) summary.changed();
  await time.elapse(250);
  expect(requests).toHaveLength(1);
  expect(JSON.stringify(requests[0]?.body)).toContain('\\"policiesVersion\\":\\"2\\"');
  for (let ms = 0; ms < 5_000; ms += 50) {
    summary.changed();
    await time.elapse(50);
  }
  const gaps = requests.slice(1).map(({ atMs }, index) => atMs - (requests[index]?.atMs ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000);
  await summary.stop();
});

test('nothing is written before it is started', async () => {
  summary.changed();
  await time.elapse(10_000);
  expect(requests).toEqual([]);
  await summary.stop();
  expect(requests).toEqual([]);
});

test('one that cannot be written is tried again before others count the replica as gone, and told once', async () => {
  summary.start();
  await time.elapse(6_000);
  requests = [];
  outcome = () => Promise.reject(new KubernetesApiError('away', { status: 0, reason: 'Timeout' }));
  await time.elapse(60_000);
  const gaps = requests.slice(1).map(({ atMs }, index) => atMs - (requests[index]?.atMs ?? 0));
  expect(Math.max(...gaps)).toBeLessThan(silentMs / 2);
  expect(warnings).toHaveLength(1);
  requests = [];
  outcome = () => Promise.resolve({});
  await time.elapse(11_000);
  expect(requests.length).toBeGreaterThanOrEqual(2);
  await summary.stop();
});

test('one write follows another, also where the API server is slow', async () => {
  let atOnce = 0;
  let most = 0;
  outcome = async () => {
    atOnce += 1;
    most = Math.max(most, atOnce);
    await new Promise<void>((resolve) => {
      time.after(2_500, resolve);
    });
    atOnce -= 1;
    return {};
  };
  summary.start();
  for (let ms = 0; ms < 20_000; ms += 100) {
    summary.changed();
    await time.elapse(100);
  }
  expect(most).toBe(1);
  expect(requests.length).toBeGreaterThan(5);
  expect(requests.length).toBeLessThan(10);
  const stopping = summary.stop();
  await time.elapse(8_000);
  await stopping;
});

test('stopping removes it', async () => {
  summary.start();
  await time.elapse(100);
  await summary.stop();
  expect(requests.map(({ method }) => method)).toEqual(['PATCH', 'DELETE']);
  await time.elapse(20_000);
  expect(requests).toHaveLength(2);
});
