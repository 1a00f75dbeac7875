/** Claim: replacing all pods of a Deployment under load fails no request. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Agent } from '../../../demo/rig/index.js';
import { claim } from '../../kit/claim.js';
import { openSuite } from '../../kit/cluster/suite.js';

const suite = openSuite(import.meta.url);
const url = 'http://web/delay/20';
let caller: Agent;

beforeAll(async () => {
  await suite.start();
  caller = await suite.caller('rollout', 'caller');
});
afterAll(() => suite.stop());

test('a rollout under load fails no request', async () => {
  const load = await caller.startLoad({ url, concurrency: 8, requestsPerSecond: 200 });
  await suite.kubectl('rollout', 'restart', 'deployment/web', '-n', 'rollout');
  await suite.ready('rollout', 'deployment/web');
  await suite.kubectl(
    ...['wait', '--for=jsonpath={.status.replicas}=3', 'deployment/web', '-n', 'rollout'],
  );
  const { total, statuses, errors, maxMs } = await load.stop();
  claim('rollout', 'calls while all three pods were replaced:', total);
  claim('rollout', 'the slowest took ms:', Math.round(maxMs));
  expect({ statuses, errors }).toEqual({ statuses: { 200: total }, errors: {} });
});
