/** Claim: the control plane is replaced under load, and no pod of the mesh is touched. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Agent } from '../../../demo/rig/index.js';
import { claim, since } from '../../kit/claim.js';
import { controllerPods, skerry, untilInstalled } from '../../kit/cluster/cluster.js';
import { eventually, openSuite } from '../../kit/cluster/suite.js';

const suite = openSuite(import.meta.url);
let caller: Agent;

beforeAll(async () => {
  await suite.start();
  caller = await suite.caller('upgrade', 'caller');
});
afterAll(async () => {
  await skerry(['upgrade', '--apply', '--access-log', 'Errors']);
  await suite.stop();
});

async function uidsOf(): Promise<readonly string[]> {
  const text = await suite.kubectl(
    ...['get', 'pods', '-n', 'upgrade', '-o', 'jsonpath={.items[*].metadata.uid}'],
  );
  return text.split(' ').sort();
}

test('an upgrade fails no request and restarts no pod of the mesh', async () => {
  const before = await uidsOf();
  const replicas = (await controllerPods(suite.rig)).map(({ metadata }) => metadata.name);
  const load = await caller.startLoad({
    ...{ url: 'http://web/', concurrency: 4, requestsPerSecond: 100 },
  });
  const startedAt = performance.now();
  // Another setting stands for another release: it replaces every replica.
  await skerry(['upgrade', '--apply', '--access-log', 'All']);
  claim('upgrade', 'the control plane was replaced in:', since(startedAt));
  await untilInstalled(suite.rig);
  const now = (await controllerPods(suite.rig)).map(({ metadata }) => metadata.name);
  expect(now.filter((name) => replicas.includes(name))).toEqual([]);
  expect(await uidsOf()).toEqual(before);

  await suite.apply('_refuse.yaml');
  await eventually(
    'a policy of the new control plane',
    async () =>
      (await caller.http({ url: 'http://web/closed' })).status === 403 ? true : undefined,
    60_000,
  );
  const { total, statuses, errors } = await load.stop();
  claim('upgrade', 'calls meanwhile, none failed:', total);
  expect({ statuses, errors }).toEqual({ statuses: { 200: total }, errors: {} });
}, 300_000);

test('what the installation was told before is kept, but for what the upgrade changes', async () => {
  const path = 'jsonpath={range .spec.template.spec.containers[0].env[*]}{.name}={.value} {end}';
  const text = await suite.kubectl(
    ...['get', 'deployment/skerry-controller', '-n', 'skerry-system', '-o', path],
  );
  expect(text).toContain('SKERRY_ACCESS_LOG=All ');
  expect(text).toContain('SKERRY_TRUST_DOMAIN=cluster.local ');
});
