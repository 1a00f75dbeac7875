/** Claim: who may call whom is what the policies say: A calls B, B calls C, A does not call C. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Agent } from '../../../demo/rig/index.js';
import { claim, since } from '../../kit/claim.js';
import { eventually, openSuite } from '../../kit/cluster/suite.js';

const suite = openSuite(import.meta.url);
const ratings = { namespace: 'authz-c', pod: 'ratings', container: 'skerry-proxy' };
let a: Agent;
let b: Agent;
let outside: Agent;

beforeAll(async () => {
  await suite.start();
  [a, b, outside] = await Promise.all([
    suite.caller('authz-a', 'frontend'),
    suite.caller('authz-b', 'reviews'),
    suite.caller('authz-outside', 'legacy'),
  ]);
  await eventually('the policies', async () => {
    const { status } = await a.http({ url: 'http://ratings.authz-c:8080/' });
    return status === 403 ? true : undefined;
  });
});
afterAll(() => suite.stop());

test('A calls B, and B calls C', async () => {
  expect(await a.http({ url: 'http://reviews.authz-b/' })).toMatchObject({
    status: 200,
    peerSpiffeId: 'spiffe://cluster.local/ns/authz-a/sa/frontend',
  });
  expect(await b.http({ url: 'http://ratings.authz-c:8080/' })).toMatchObject({
    status: 200,
    peerSpiffeId: 'spiffe://cluster.local/ns/authz-b/sa/reviews',
  });
});

test('A is refused by C, and the access log names the policy', async () => {
  const result = await a.http({ url: 'http://ratings.authz-c:8080/refused' });
  expect(result).toMatchObject({ status: 403, version: null });
  const line = await eventually('a line of the access log', async () =>
    (await suite.log(ratings)).split('\n').find((each) => each.includes('/refused')),
  );
  expect(line).toContain('authz-c/callers/');
});

test('nobody reaches a path that is denied, however it is written', async () => {
  for (const rawPath of ['/admin', '/admin/keys', '//admin/keys', '/x/../admin', '/%61dmin']) {
    const result = await b.http({ url: 'http://ratings.authz-c:8080/', rawPath });
    expect({ rawPath, version: result.version }).toEqual({ rawPath, version: null });
  }
});

test('TCP is closed for A and open for B', async () => {
  const call = { host: 'ledger.authz-c', port: 7000, send: 'hello', expectBytes: 5 };
  expect(await a.tcp(call)).toMatchObject({ status: 'closed', body: '' });
  expect(await b.tcp(call)).toMatchObject({ status: 'open', body: 'hello' });
});

test('a pod without a sidecar calls neither', async () => {
  for (const url of ['http://reviews.authz-b/', 'http://ratings.authz-c:8080/']) {
    expect(await outside.http({ url })).toMatchObject({ status: null });
  }
});

test('a right that is taken away is gone on open connections too, and comes back', async () => {
  const call = { url: 'http://ratings.authz-c:8080/', group: 'kept' };
  const untilStatus = (status: number): Promise<true> =>
    eventually(`status ${status}`, async () =>
      (await b.http(call)).status === status ? true : undefined,
    );
  await untilStatus(200);
  const startedAt = performance.now();
  await suite.apply('_no-b.yaml');
  await untilStatus(403);
  claim('authorization', 'from kubectl apply of a deny to the first 403:', since(startedAt));
  await suite.remove('_no-b.yaml');
  await untilStatus(200);
});

test('a rule in mode Audit refuses nobody, and its status says whom it would refuse', async () => {
  await suite.apply('_audit.yaml');
  const call = { url: 'http://ratings.authz-c:8080/trial' };
  const path = '{.status.wouldDeny}';
  const told = async (): Promise<string> =>
    await suite.kubectl(
      ...['get', 'trafficpolicies.skerry.dev', 'trial', '-n', 'authz-c', '-o', `jsonpath=${path}`],
    );
  const startedAt = performance.now();
  const found = await eventually(
    'a caller in the status',
    async () => {
      expect((await b.http(call)).status).toBe(200);
      const text = await told();
      return text.includes('callers') && !text.includes('"callers":[]') ? text : undefined;
    },
    40_000,
  );
  claim(
    'authorization',
    'from kubectl apply of an audit to its status naming a caller:',
    since(startedAt),
  );
  expect(JSON.parse(found)).toMatchObject({
    callers: [{ caller: 'spiffe://cluster.local/ns/authz-b/sa/reviews' }],
  });
  await suite.remove('_audit.yaml');
});
