/** Claim: what pods of the mesh say to each other is encrypted, and Strict refuses everybody else. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CommandError, type Agent } from '../../../demo/rig/index.js';
import type { StrictReport } from '../../../src/cli/check/strict-ready-report.js';
import { skerry, type PodObject } from '../../kit/cluster/cluster.js';
import { captureText } from '../../kit/cluster/capture.js';
import { eventually, openSuite } from '../../kit/cluster/suite.js';

const suite = openSuite(import.meta.url);
let caller: Agent;
let plain: Agent;
let webIp: string;

beforeAll(async () => {
  await suite.start();
  caller = await suite.caller('mtls', 'caller');
  plain = await suite.caller('mtls-plain', 'plain');
  webIp = ((await suite.get('mtls', 'pod/web')) as PodObject).status.podIP ?? '';
});
afterAll(() => suite.stop());

const identity = 'spiffe://cluster.local/ns/mtls/sa/caller';

describe('without a policy', () => {
  test('the server sees the identity of a caller in the mesh, and none of one outside', async () => {
    expect(await caller.http({ url: 'http://web/' })).toMatchObject({
      status: 200,
      peerSpiffeId: identity,
    });
    expect(await plain.http({ url: 'http://web.mtls/' })).toMatchObject({
      status: 200,
      peerSpiffeId: null,
    });
  });

  test('a header that claims an identity is not believed', async () => {
    const headers = { 'x-forwarded-client-cert': `URI=${identity}` };
    const result = await plain.http({ url: 'http://web.mtls/', headers });
    expect(result).toMatchObject({ status: 200, peerSpiffeId: null });
  });

  // The nodes of kind have no tcpdump.
  (suite.rig.kind === 'local' ? test : test.skip)(
    'the wire between pods carries nothing that can be read, where both have a sidecar',
    async () => {
      const seen = await captureText(suite.rig, { ip: webIp, last: 'in-plaintext' }, async () => {
        const secret = { 'x-secret': 'between-sidecars' };
        await caller.http({ url: 'http://web/', headers: secret });
        await plain.http({ url: 'http://web.mtls/', headers: { 'x-secret': 'in-plaintext' } });
      });
      expect(seen).not.toContain('between-sidecars');
    },
  );
});

test('skerry check --strict-ready names who has called in plaintext, and neither the mesh nor kubelet', async () => {
  await caller.http({ url: 'http://web/' });
  await plain.http({ url: 'http://web.mtls/' });
  const callers = await eventually('a caller in plaintext', async () => {
    const { targets } = await strictReady();
    const found = targets.flatMap((target) => target.callers);
    return found.length > 0 ? found : undefined;
  });
  const names = callers.map(({ caller: name, pod, port }) => `${name} ${pod}:${port}`);
  expect([...new Set(names)]).toEqual(['mtls-plain/plain mtls/web:8080']);
});

/** What the command prints, which ends with 1 as long as anybody is not ready. */
async function strictReady(): Promise<StrictReport> {
  const args = ['check', '--strict-ready', 'mtls', '-o', 'json'];
  const stdout = await skerry(args).catch((error: unknown) => {
    if (error instanceof CommandError && error.exitCode === 1) return error.stdout;
    throw error;
  });
  return JSON.parse(stdout) as StrictReport;
}

describe('with Strict', () => {
  beforeAll(async () => {
    await suite.apply('_strict.yaml');
    await eventually('the end of plaintext', async () => {
      const { error } = await plain.http({ url: 'http://web.mtls/' });
      return error === null ? undefined : true;
    });
  });

  test('callers in the mesh notice nothing', async () => {
    const load = await caller.load({ url: 'http://web/', total: 200 });
    expect(load).toMatchObject({ statuses: { 200: 200 }, errors: {} });
  });

  test.each(['http://web.mtls/', 'the pod', 'a port that no Service declares'])(
    'plaintext to %s is not answered',
    async (way) => {
      const direct = way === 'the pod' ? `http://${webIp}:8080/` : `http://${webIp}:9999/`;
      const result = await plain.http({ url: way.startsWith('http') ? way : direct });
      expect(result).toMatchObject({ status: null, body: '' });
    },
  );

  test('TLS without a certificate of the mesh is not answered', async () => {
    for (const alpn of [[], ['skerry-http'], ['skerry-tcp']]) {
      const send = 'GET / HTTP/1.1\r\nhost: web\r\n\r\n';
      const result = await plain.tls({ host: webIp, port: 8080, alpn, send });
      expect(result).toMatchObject({ status: 'closed', body: '' });
    }
  });

  test('a callers’ server of its own is still reached where the policy does not rule', async () => {
    expect(await caller.http({ url: `http://${await ipOfPlain()}:8080/` })).toMatchObject({
      status: 200,
    });
  });

  test('without the policy plaintext is answered again', async () => {
    await suite.remove('_strict.yaml');
    await eventually('plaintext', async () => {
      const { status } = await plain.http({ url: 'http://web.mtls/' });
      return status === 200 ? true : undefined;
    });
  });
});

async function ipOfPlain(): Promise<string> {
  return ((await suite.get('mtls-plain', 'pod/plain')) as PodObject).status.podIP ?? '';
}
