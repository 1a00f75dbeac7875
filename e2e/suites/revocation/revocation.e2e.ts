/** Claim: taking a right away reaches connections that are open, and a refused connection never reaches the app. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Agent, CallResult, Mesh } from '../../../demo/rig/index.js';
import { claim, milliseconds, since } from '../../kit/claim.js';
import { manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually, sidecarOf, untilLogged } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const drainMs = 5_000;
/** For the way of the edit to the sidecar, on a busy machine. */
const slackMs = 2_000;
const policyFile = '60-revoked.yaml';
const revoked = manifest(
  trafficPolicy('c/revoked', {
    targetRefs: [{ kind: 'Namespace' }],
    inbound: { authorization: { deny: [{ name: 'b-out', from: [{ namespace: 'b' }] }] } },
  }),
);
const refusal = { status: 403, body: 'RBAC: access denied' };
const ratings = 'http://ratings.c:8080/';
const ratingsIp = '10.66.3.1';
const undeclared = `http://${ratingsIp}:9999/`;

let mesh: Mesh;
let caller: Agent;

beforeAll(async () => {
  mesh = await startSuiteMesh({
    suite: import.meta.url,
    drainSeconds: drainMs / 1000,
    pods: ['a/frontend', 'b/reviews-v1', 'c/ratings', 'c/ledger', 'c/mysql', 'outside/legacy'],
  });
  caller = await mesh.agent('b/reviews-v1');
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

const ask = (url: string, group: string): Promise<CallResult> => caller.http({ url, group });

async function untilStatus(url: string, group: string, status: number): Promise<CallResult> {
  return await eventually(`status ${status} of ${url}`, async () => {
    const result = await ask(url, group);
    // A request that gets no answer at all is neither the old rule nor the new one.
    if (result.error !== null) throw new Error(result.error);
    return result.status === status ? result : undefined;
  });
}

/** The ids of the connections over which requests with this path came in or went out. */
async function connectionsOf(key: string, path: string): Promise<ReadonlySet<number>> {
  const log = await sidecarOf(mesh, key).log();
  const entries = log
    .split('\n')
    .filter((line) => line.startsWith('{') && line.includes(`"${path}"`))
    .map((line) => JSON.parse(line) as { readonly connection_id: number });
  return new Set(entries.map(({ connection_id: id }) => id));
}

describe('a right that is taken away while its holder has connections open', () => {
  test('is gone for the next request and, within the drain time, for open TCP', async () => {
    const held = 'held';
    await caller.tcpOpen({ connection: held, host: 'ledger.c', port: 7000 });
    const echoed = await caller.tcpSend({ connection: held, send: 'before', expectBytes: 6 });
    expect(echoed).toMatchObject({ status: 'open', body: 'before' });
    expect(await ask(`${ratings}kept-alive`, held)).toMatchObject({ status: 200 });
    expect(await ask(undeclared, 'undeclared')).toMatchObject({ status: 200 });

    const editedAt = performance.now();
    await mesh.writeManifest(policyFile, revoked);
    expect(await untilStatus(`${ratings}kept-alive`, held, 403)).toMatchObject(refusal);
    claim('revocation', 'edit to the first 403 on the open connection', since(editedAt));
    await eventually(
      'the end of the TCP connection',
      async () => ((await caller.tcpState(held)).status === 'closed' ? true : undefined),
      drainMs + slackMs,
    );
    claim('revocation', 'edit to the end of the open TCP connection', since(editedAt));

    const line = await untilLogged(mesh, 'c/ratings', ['"status":403', 'c/revoked/b-out']);
    expect(JSON.parse(line)).toMatchObject({
      direction: 'inbound',
      peer: 'spiffe://cluster.local/ns/b/sa/reviews',
    });
    const metrics = await mesh.prober.http({ url: `http://${ratingsIp}:15090/stats/prometheus` });
    expect(metrics.body).toMatch(/^envoy_skerry_refused\{rule="\[c\/revoked\/b-out\]"\} [1-9]/m);
    // One connection from the app to its sidecar, and one between the sidecars, before and after.
    expect((await connectionsOf('b/reviews-v1', '/kept-alive')).size).toBe(1);
    expect((await connectionsOf('c/ratings', '/kept-alive')).size).toBe(1);
  });

  test('is gone for a port that no Service declares, which obeys Strict as well', async () => {
    expect(await untilRefused(undeclared)).not.toMatchObject({ status: 200 });
    const outside = await mesh.agent('outside/legacy');
    expect(await outside.http({ url: undeclared })).toMatchObject({ status: null, body: '' });
  });

  test('comes back when the policy goes', async () => {
    const removedAt = performance.now();
    await mesh.writeManifest(policyFile, undefined);
    await untilStatus(ratings, 'held', 200);
    claim('revocation', 'removal of the policy to the first 200', since(removedAt));
    await eventually('TCP again', async () => {
      const result = await caller.tcp({
        host: 'ledger.c',
        port: 7000,
        send: 'again',
        expectBytes: 5,
      });
      return result.body === 'again' ? true : undefined;
    });
    await eventually('the undeclared port again', async () =>
      (await caller.http({ url: undeclared })).status === 200 ? true : undefined,
    );
  });
});

async function untilRefused(url: string): Promise<CallResult> {
  return await eventually(
    `a refusal of ${url}`,
    async () => {
      const result = await ask(url, 'undeclared');
      return result.status === 200 ? undefined : result;
    },
    drainMs + slackMs,
  );
}

describe('a TCP connection that is refused', () => {
  test.each([
    ['to a server that waits', 'c/ledger', 'ledger.c', 7000],
    ['to a server that speaks first', 'c/mysql', 'mysql.c', 3306],
  ])('%s ends before a byte goes either way', async (_what, key, host, port) => {
    const intruder = await mesh.agent('a/frontend');
    const before = (await mesh.pod(key).appLog()).length;
    const result = await intruder.tcp({ host, port, send: 'x', expectBytes: 1 });
    expect(result).toMatchObject({ status: 'closed', body: '' });
    await untilLogged(mesh, key, ['c/callers/', '"kind":"tcp"']);
    const heard = (await mesh.pod(key).appLog()).slice(before);
    expect(heard).not.toContain('first-bytes');
    expect(heard).not.toContain('connection');
    claim('revocation', `refused TCP to ${key} closed after`, milliseconds(result.ms));
  });
});
