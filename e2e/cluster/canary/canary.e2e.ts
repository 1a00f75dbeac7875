/** Claim: a new version gets the share of calls, and the callers, that a policy says, and moving them fails no request. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { isPlausibleShare } from '../../../demo/statistics.js';
import type { Agent } from '../../../demo/rig/index.js';
import { claim } from '../../kit/claim.js';
import { trafficPolicy } from '../../kit/manifest.js';
import { eventually, openSuite } from '../../kit/cluster/suite.js';

const suite = openSuite(import.meta.url);
const url = 'http://web/';
let caller: Agent;

beforeAll(async () => {
  await suite.start();
  caller = await suite.caller('canary', 'caller');
  await untilV2(50, { 'x-user': 'beta' });
});
afterAll(() => suite.stop());

/** Waits until all of `total` calls get v2. */
async function untilV2(total: number, headers: Record<string, string> = {}): Promise<void> {
  await eventually('v2 for all', async () => {
    const { versions } = await caller.load({ url, total, headers });
    return versions['v2'] === total ? true : undefined;
  });
}

function weights(v1: number, v2: number): object {
  const backends = [
    { subset: { version: 'v1' }, weight: v1 },
    { subset: { version: 'v2' }, weight: v2 },
  ];
  return trafficPolicy('canary/web', {
    targetRefs: [{ kind: 'Service', name: 'web' }],
    routes: [{ name: 'canary', backends }],
  });
}

test('every tenth call gets the new version', async () => {
  const { versions, statuses } = await caller.load({ url, total: 600 });
  expect(statuses).toEqual({ 200: 600 });
  const hits = versions['v2'] ?? 0;
  claim('canary', 'calls of 600 that got the canary of 10 %:', hits);
  expect(isPlausibleShare({ hits, trials: 600, share: 0.1 })).toBe(true);
});

test('a user of the beta always gets it', async () => {
  const { versions } = await caller.load({ url, total: 100, headers: { 'x-user': 'beta' } });
  expect(versions).toEqual({ v2: 100 });
});

test('shifting all traffic step by step fails no request', async () => {
  const load = await caller.startLoad({ url, concurrency: 4, requestsPerSecond: 200 });
  for (const v2 of [25, 50, 75, 100]) await suite.apply(weights(100 - v2, v2));
  await untilV2(50);
  await suite.kubectl('delete', 'deployment', 'web-v1', '-n', 'canary');
  await untilV2(50);
  const { total, statuses, errors } = await load.stop();
  claim('canary', 'calls while traffic moved to v2 and v1 was deleted, none failed:', total);
  expect({ statuses, errors }).toEqual({ statuses: { 200: total }, errors: {} });
});
