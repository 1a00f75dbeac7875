/** Claim: each pod of a StatefulSet is called by its own name, with mutual TLS, also after it was replaced. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Agent } from '../../../demo/rig/index.js';
import type { PodObject } from '../../kit/cluster/cluster.js';
import { eventually, openSuite } from '../../kit/cluster/suite.js';

const suite = openSuite(import.meta.url);
const names = ['db-0', 'db-1', 'db-2'];
let caller: Agent;

beforeAll(async () => {
  await suite.start();
  caller = await suite.caller('stateful', 'caller');
});
afterAll(() => suite.stop());

test.each(names)('%s answers to its own name', async (name) => {
  const result = await caller.http({ url: `http://${name}.db:8080/` });
  expect(result).toMatchObject({
    status: 200,
    version: name,
    peerSpiffeId: 'spiffe://cluster.local/ns/stateful/sa/default',
  });
  const echo = { host: `${name}.db`, port: 7000, send: name, expectBytes: name.length };
  expect(await caller.tcp(echo)).toMatchObject({ status: 'open', body: name });
});

test('the Service’s own name leads to one of them', async () => {
  const result = await caller.http({ url: 'http://db:8080/' });
  expect(result.status).toBe(200);
  expect(names).toContain(result.version);
});

test('pods of the set call each other', async () => {
  const peer = await suite.caller('stateful', 'db-0');
  const result = await peer.http({ url: 'http://db-2.db:8080/' });
  expect(result).toMatchObject({ status: 200, version: 'db-2' });
});

test('a pod that was replaced is found at its name again, wherever it is now', async () => {
  const before = (await suite.get('stateful', 'pod/db-1')) as PodObject;
  await suite.kubectl('delete', 'pod', 'db-1', '-n', 'stateful');
  await eventually('another db-1', async () => {
    const { metadata } = await suite.get('stateful', 'pod/db-1');
    return metadata.uid === before.metadata.uid ? undefined : true;
  });
  await suite.ready('stateful', 'pod/db-1');
  const after = (await suite.get('stateful', 'pod/db-1')) as PodObject;
  expect(after.status.podIP).not.toBe(before.status.podIP);
  await eventually('its answer', async () => {
    const result = await caller.http({ url: 'http://db-1.db:8080/' });
    return result.status === 200 && result.version === 'db-1' ? true : undefined;
  });
});
