/** Claim: uninstalling takes Skerry out of a cluster whole, without an outage, and it can be installed again. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CommandError } from '../../../demo/rig/index.js';
import { containerNames, installSkerry, skerry } from '../../kit/cluster/cluster.js';
import { eventually, openSuite } from '../../kit/cluster/suite.js';

const suite = openSuite(import.meta.url);
const url = 'http://web/';
const meshed = { status: 200, peerSpiffeId: 'spiffe://cluster.local/ns/uninstall/sa/default' };

beforeAll(() => suite.start());
afterAll(() => suite.stop());

/** All objects of the cluster whose kind or name speaks of Skerry; events are of the past. */
async function tracesInCluster(): Promise<readonly string[]> {
  const listed = await suite.kubectl('api-resources', '--verbs=list', '-o', 'name');
  const kinds = listed.split('\n').filter((kind) => kind !== '' && !/^events\b/.test(kind));
  const found = await suite.kubectl(
    ...['get', kinds.join(','), '--all-namespaces', '--ignore-not-found'],
    ...['-o', 'custom-columns=KIND:.kind,NAMESPACE:.metadata.namespace,NAME:.metadata.name'],
  );
  return found.split('\n').filter((line) => /skerry/i.test(line));
}

async function tracesOnNode(): Promise<string> {
  const { cniConfDir, cniBinDir } = suite.rig;
  const look = `ls ${cniConfDir} ${cniBinDir}; cat ${cniConfDir}/*; (iptables-save; ip6tables-save) 2>/dev/null`;
  const text = await suite.rig.onNode(['sh', '-c', look]);
  // The folders themselves may be called so.
  return text.replaceAll(cniConfDir, '').replaceAll(cniBinDir, '');
}

async function restartWorkloads(): Promise<void> {
  for (const workload of ['deployment/web', 'deployment/caller']) {
    await suite.kubectl('rollout', 'restart', workload, '-n', 'uninstall');
  }
  for (const workload of ['deployment/web', 'deployment/caller']) {
    await suite.ready('uninstall', workload);
  }
  await eventually(
    'the end of the former pods',
    async () => {
      const listed = await suite.kubectl('get', 'pods', '-n', 'uninstall', '-o', 'name');
      return listed.trim().split('\n').length === 2 ? true : undefined;
    },
    60_000,
  );
}

test('policies are not thrown away unasked', async () => {
  await expect(skerry(['uninstall', '--apply'])).rejects.toThrow(CommandError);
  await expect(skerry(['uninstall', '--apply'])).rejects.toThrow('1 TrafficPolicies');
  expect(await (await suite.caller('uninstall', 'app=caller')).http({ url })).toMatchObject(meshed);
});

test('it goes under load, and sidecars that run go on without it', async () => {
  const caller = await suite.caller('uninstall', 'app=caller');
  const load = await caller.startLoad({ url, concurrency: 2, requestsPerSecond: 50 });
  await skerry(['uninstall', '--apply', '--delete-policies']);
  const { total, statuses, errors } = await load.stop();
  expect({ statuses, errors }).toEqual({ statuses: { 200: total }, errors: {} });
});

test('pods that are replaced have no sidecar, and call each other as before the mesh', async () => {
  await restartWorkloads();
  for (const pod of await suite.pods('uninstall')) expect(containerNames(pod)).toEqual(['app']);
  const caller = await suite.caller('uninstall', 'app=caller');
  expect(await caller.http({ url })).toMatchObject({ status: 200, peerSpiffeId: null });
});

test('nothing of it is left in the cluster, nor on the node', async () => {
  expect(await tracesInCluster()).toEqual([]);
  expect(await tracesOnNode()).not.toMatch(/skerry/i);
});

test('it can be installed again', async () => {
  await installSkerry(suite.rig);
  await restartWorkloads();
  const caller = await suite.caller('uninstall', 'app=caller');
  await eventually('a meshed call', async () => {
    const { status, peerSpiffeId } = await caller.http({ url });
    return status === 200 && peerSpiffeId === meshed.peerSpiffeId ? true : undefined;
  });
});
