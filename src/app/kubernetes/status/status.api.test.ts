/** Statuses of TrafficPolicies, by whole control planes beside a real API server and sidecars that do as they are told. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { typeUrls } from '../../../envoy/index.js';
import { install, type Installed, type Replica } from '../testing/installed.js';
import type { SidecarClient } from '../testing/sidecar-client.js';
import { conditionOf, makeWorkloads, type Workloads } from '../testing/workloads.js';

let installed: Installed;
let first: Replica;
let second: Replica;
let made = 0;
const sidecars: SidecarClient[] = [];

beforeAll(async () => {
  installed = await install();
  first = await installed.startReplica('one');
  second = await installed.startReplica('two');
}, 120_000);

afterEach(() => {
  for (const sidecar of sidecars.splice(0)) sidecar.close();
});

afterAll(async () => {
  await installed.stop();
}, 60_000);

async function workloads(): Promise<Workloads> {
  made += 1;
  return makeWorkloads(installed, `status-${String(made)}`);
}

async function connect(space: Workloads, pod: string, replica: Replica): Promise<SidecarClient> {
  const sidecar = await space.connect(pod, replica);
  sidecars.push(sidecar);
  return sidecar;
}

const reader = {
  targetRefs: [{ kind: 'Pod', selector: { matchLabels: { app: 'cart' } } }],
  inbound: { authorization: { allow: [{ to: [{ methods: ['GET'] }] }] } },
};

test('sidecars of two replicas are counted as one mesh, and live only once they have accepted', async () => {
  const space = await workloads();
  await space.pod('a', 'cart');
  await space.pod('b', 'cart');
  const [a] = [await connect(space, 'a', first), await connect(space, 'b', second)];
  await space.policy('reader', reader);
  const live = await space.statusOf('reader', ({ proxies }) => proxies?.['live'] === 2);
  expect(live).toMatchObject({
    observedGeneration: 1,
    target: 'Pod/app=cart',
    proxies: { selected: 2, live: 2, rejected: 0, offline: 0, summary: '2/2' },
  });
  expect([conditionOf(live, 'Accepted'), conditionOf(live, 'Programmed')]).toEqual([
    'True Accepted',
    'True Programmed',
  ]);
  a.hold(typeUrls.route);
  await space.policy('reader', {
    ...reader,
    inbound: { authorization: { allow: [{ to: [{ methods: ['PUT'] }] }] } },
  });
  const late = await space.statusOf(
    'reader',
    ({ observedGeneration, proxies }) => observedGeneration === 2 && proxies?.['live'] === 1,
  );
  expect(late).toMatchObject({
    proxies: { selected: 2, live: 1, summary: '1/2' },
    slowest: `${space.namespace}/a`,
  });
  expect(conditionOf(late, 'Programmed')).toBe('False Pending');
  a.release();
  await space.statusOf('reader', ({ proxies }) => proxies?.['live'] === 2);
}, 60_000);
