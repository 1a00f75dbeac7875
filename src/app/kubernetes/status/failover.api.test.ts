/** Statuses when the leader dies or stands still: control planes as processes of their own, beside a real API server. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { verifyAudit } from '../../../ca/index.js';
import { eventually, objectAt } from '../test-kit.js';
import { install, type Installed, type ReplicaProcess } from '../testing/installed.js';
import type { SidecarClient } from '../testing/sidecar-client.js';
import { makeWorkloads, type StatusView, type Workloads } from '../testing/workloads.js';

let installed: Installed;
let replicas: readonly ReplicaProcess[];
let killed: ReplicaProcess | undefined;
let space: Workloads;
let generation = 0;
const sidecars = new Map<string, SidecarClient>();

beforeAll(async () => {
  installed = await install();
  replicas = [await installed.startProcess('one'), await installed.startProcess('two')];
  // A process serves no webhook that the API server knows; pods are written with their sidecars.
  space = await makeWorkloads(installed, 'failover', { isInjected: false });
  for (const pod of ['a', 'b', 'c', 'd']) await space.pod(pod, 'cart');
}, 180_000);

afterAll(async () => {
  for (const sidecar of sidecars.values()) sidecar.close();
  await installed.stop();
}, 60_000);

/** As Envoy does when its control plane is gone: to another replica, after a while. */
async function reconnect(pod: string, replica: ReplicaProcess): Promise<void> {
  sidecars.get(pod)?.close();
  sidecars.set(pod, await space.connect(pod, replica));
}

async function holder(): Promise<string> {
  const path = '/apis/coordination.k8s.io/v1/namespaces/skerry-system/leases/skerry-leader';
  const lease = (await objectAt(installed.client, path)) as
    { readonly spec?: { readonly holderIdentity?: string } } | undefined;
  return lease?.spec?.holderIdentity?.split('_')[0] ?? '';
}

async function leaderAndOther(): Promise<readonly [ReplicaProcess, ReplicaProcess]> {
  const name = await eventually(async () => {
    const found = await holder();
    return found === '' ? undefined : found;
  });
  const [one, two] = replicas;
  if (one === undefined || two === undefined) throw new Error('two replicas are needed');
  return one.name === name ? [one, two] : [two, one];
}

async function change(): Promise<void> {
  generation = await space.policy('reader', {
    targetRefs: [{ kind: 'Pod', selector: { matchLabels: { app: 'cart' } } }],
    inbound: { authorization: { allow: [{ to: [{ paths: [`/v${String(generation)}`] }] }] } },
  });
}

const isLive = ({ proxies, observedGeneration }: StatusView): boolean =>
  observedGeneration === generation && proxies?.['summary'] === '4/4';

/** When a replica wrote statuses, in milliseconds since the epoch. */
async function writesOf({ user }: ReplicaProcess): Promise<readonly number[]> {
  const requests = await installed.audited(user);
  return requests
    .filter(({ verb, resource }) => verb === 'patch' && resource === 'trafficpolicies/status')
    .map(({ atMs }) => atMs);
}

test('the leader killed, statuses move on within 20 s', async () => {
  const [leader, other] = await leaderAndOther();
  for (const pod of ['a', 'b']) await reconnect(pod, leader);
  for (const pod of ['c', 'd']) await reconnect(pod, other);
  await change();
  await space.statusOf('reader', isLive);
  leader.signal('SIGKILL');
  killed = leader;
  const killedAt = performance.now();
  await change();
  await sleep(1_000);
  for (const pod of ['a', 'b']) await reconnect(pod, other);
  await space.statusOf('reader', isLive);
  const tookMs = performance.now() - killedAt;
  process.stdout.write(
    `claim: the leader killed, a policy changed at once was live by its status after ${(tookMs / 1000).toFixed(1)} s\n`,
  );
  expect(tookMs).toBeLessThan(20_000);
  expect((await writesOf(other)).length).toBeGreaterThan(0);
  replicas = [other, await installed.startProcess('three')];
}, 120_000);

test('a leader that stood still writes nothing when it wakes, once another leads', async () => {
  const [leader, other] = await leaderAndOther();
  for (const pod of ['a', 'b', 'c', 'd']) await reconnect(pod, other);
  await space.statusOf('reader', isLive);
  leader.signal('SIGSTOP');
  await change();
  const stoppedAtMs = Date.now();
  await space.statusOf('reader', isLive);
  // It wakes with everything to do that it has missed.
  leader.signal('SIGCONT');
  await change();
  await space.statusOf('reader', isLive);
  await sleep(3_000);
  const late = (await writesOf(leader)).filter((atMs) => atMs > stoppedAtMs);
  expect(late).toEqual([]);
  const between = (await writesOf(other)).filter((atMs) => atMs > stoppedAtMs);
  expect(between.length).toBeGreaterThanOrEqual(2);
}, 120_000);

test('whom each replica gave a certificate is in its own log at any level, as a chain that holds', async () => {
  const all = [...replicas, ...(killed === undefined ? [] : [killed])];
  const { faults, notes, chains } = verifyAudit(
    all.map((replica) => ({ name: replica.name, text: replica.said() })),
    'whole',
  );
  expect({ faults, notes }).toEqual({ faults: [], notes: [] });
  expect(chains.map(({ replica }) => replica).sort()).toEqual(['one', 'three', 'two']);
  const uids = new Set<string>();
  for (const pod of ['a', 'b', 'c', 'd']) {
    const path = `/api/v1/namespaces/${space.namespace}/pods/${pod}`;
    const { metadata } = (await objectAt(installed.client, path)) as {
      readonly metadata: { readonly uid: string };
    };
    uids.add(metadata.uid);
  }
  for (const replica of all) {
    // Each pod that came to it got one certificate, and the same again when it came back with its key.
    const given = [...replica.said().matchAll(/"podUid":"([^"]+)"/g)].map(
      (match) => match[1] ?? '',
    );
    expect(given.length).toBeGreaterThan(0);
    expect(given).toEqual([...new Set(given)]);
    expect([...uids]).toEqual(expect.arrayContaining(given));
  }
});
