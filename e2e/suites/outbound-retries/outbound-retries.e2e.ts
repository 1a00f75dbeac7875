/** Claim: nothing that an app may have seen is sent twice by default, and `outbound.retries` does what it says. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { CallResult, LoadResult, Mesh } from '../../../demo/rig/index.js';
import { claim, milliseconds } from '../../kit/claim.js';
import { manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const client = 'web/client';
const servers = ['shop/one', 'shop/two'];
let mesh: Mesh;

beforeAll(async () => {
  mesh = await startSuiteMesh({ suite: import.meta.url, base: 'own' });
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

async function call(url: string, method = 'GET', group?: string): Promise<CallResult> {
  const agent = await mesh.agent(client);
  return await agent.http({ url, method, ...(group === undefined ? {} : { group }) });
}

async function load(
  url: string,
  total: number,
  { method = 'GET', concurrency = 10 } = {},
): Promise<LoadResult> {
  return await (await mesh.agent(client)).load({ url, total, method, concurrency });
}

/** Requests that apps have logged for a path and query, by both servers. */
async function requestsFor(url: string): Promise<number> {
  const logs = await Promise.all(servers.map((key) => mesh.pod(key).appLog()));
  return logs
    .join('\n')
    .split('\n')
    .filter((line) => line.includes(`"url":"${url}"`)).length;
}

describe('by default', () => {
  test('a POST that an app has read and dropped is not sent again', async () => {
    const total = 100;
    const { statuses } = await load('http://pair.shop/abort?post', total, { method: 'POST' });
    expect(statuses).toEqual({ 503: total });
    expect(await requestsFor('/abort?post')).toBe(total);
    claim('outbound-retries', `of ${total} dropped POSTs, seen by apps more than once:`, 0);
  });

  test('a POST that is answered 503 is not sent again', async () => {
    expect((await call('http://pair.shop/status/503?post', 'POST')).status).toBe(503);
    expect(await requestsFor('/status/503?post')).toBe(1);
  });

  test('a POST whose endpoint nobody has goes to another one, once', async () => {
    const total = 40;
    const { statuses } = await load('http://ghost.shop/?ghost', total, { method: 'POST' });
    expect(statuses).toEqual({ 200: total });
    expect(await requestsFor('/?ghost')).toBe(total);
  });

  test('a POST whose endpoint’s app does not listen goes to another one, once', async () => {
    const total = 200;
    const { statuses } = await load('http://half.shop/?half', total, { method: 'POST' });
    expect(statuses).toEqual({ 200: total });
    expect(await requestsFor('/?half')).toBe(total);
    const { headers } = await call('http://half.shop/');
    expect(headers['x-skerry-unprocessed']).toBeUndefined();
    claim('outbound-retries', `of ${total} POSTs past an app that does not listen, failed:`, 0);
  });

  test('where no app listens, the answer is a 503 that says nothing of it', async () => {
    const { status, headers } = await call('http://10.66.2.3:8080/', 'POST');
    expect(status).toBe(503);
    expect(headers['x-skerry-unprocessed']).toBeUndefined();
  });

  test('an app that closes a connection when it is used again fails no GET', async () => {
    const total = 300;
    const { statuses } = await load('http://single.shop/abort-reused?get', total, {
      concurrency: 1,
    });
    expect(statuses).toEqual({ 200: total });
    // It saw some of them twice, or the test has shown nothing.
    expect(await requestsFor('/abort-reused?get')).toBeGreaterThan(total);
    claim('outbound-retries', `of ${total} GETs over connections that the app closes, failed:`, 0);
  });

  test('and gets no POST twice', async () => {
    const total = 100;
    const { statuses } = await load('http://single.shop/abort-reused?post', total, {
      method: 'POST',
      concurrency: 1,
    });
    expect(await requestsFor('/abort-reused?post')).toBe(total);
    expect(statuses[503]).toBeGreaterThan(0);
  });
});

describe('a policy', () => {
  const targetRefs = [{ kind: 'Service', name: 'single' }];
  let runs = 0;

  afterEach(async () => {
    await mesh.writeManifest('50-policy.yaml', undefined);
  });

  /** Puts a policy in force, told by a request that is answered as only the policy makes it. */
  async function underPolicy(spec: object, isInForce: () => Promise<boolean>): Promise<void> {
    await mesh.writeManifest('50-policy.yaml', manifest(trafficPolicy('shop/single', spec)));
    await eventually('the policy in force', async () => (await isInForce()) || undefined);
  }

  /** A path that fails so many times and then works, new for each call. */
  const flaky = (failures: number): string => `/flaky/${(runs += 1)}/${failures}`;

  const works = async (failures: number): Promise<boolean> =>
    (await call(`http://single.shop${flaky(failures)}`)).status === 200;

  test('without one, nothing is retried on 5xx', async () => {
    expect(await works(1)).toBe(false);
  });

  test('attempts: as many and no more', async () => {
    const retries = { attempts: 3, retryOn: ['5xx'] };
    await underPolicy({ targetRefs, outbound: { retries } }, () => works(3));
    expect(await works(4)).toBe(false);
    const path = flaky(9);
    expect((await call(`http://single.shop${path}`)).status).toBe(503);
    expect(await requestsFor(path)).toBe(4);
  });

  test('attempts: 0 retries nothing', async () => {
    const isInForce = async (): Promise<boolean> =>
      (await Promise.all([1, 2, 3, 4].map(() => call('http://ghost.shop/')))).some(
        ({ status }) => status === 503,
      );
    const ghost = [{ kind: 'Service', name: 'ghost' }];
    await underPolicy({ targetRefs: ghost, outbound: { retries: { attempts: 0 } } }, isInForce);
  });

  test('statusCodes, and of other statuses nothing', async () => {
    const outbound = { retries: { attempts: 1, statusCodes: [503] } };
    await underPolicy({ targetRefs, outbound }, () => works(1));
    expect((await call('http://single.shop/status/502?codes')).status).toBe(502);
    expect(await requestsFor('/status/502?codes')).toBe(1);
  });

  test('perTryTimeout: each attempt is cut', async () => {
    const retries = { attempts: 2, retryOn: ['5xx'], perTryTimeout: '200ms' };
    await underPolicy({ targetRefs, outbound: { retries } }, () => works(2));
    const { status, ms } = await call('http://single.shop/delay/2000?tries');
    expect(status).toBe(504);
    expect(await requestsFor('/delay/2000?tries')).toBe(3);
    claim('outbound-retries', 'three attempts of 200 ms each end after', milliseconds(ms));
  });

  test('backoff: attempts are as far apart as it says', async () => {
    const retryOn = ['5xx'];
    await underPolicy({ targetRefs, outbound: { retries: { attempts: 6, retryOn } } }, () =>
      works(6),
    );
    const short = (await call('http://single.shop/status/503?short')).ms;
    const backoff = { base: '600ms', max: '600ms' };
    let long = 0;
    await underPolicy(
      { targetRefs, outbound: { retries: { attempts: 7, retryOn, backoff } } },
      async () => {
        const url = `http://single.shop${flaky(9)}`;
        long = (await (await mesh.agent(client)).http({ url, timeoutMs: 20_000 })).ms;
        return long > 1_000;
      },
    );
    claim('outbound-retries', 'six retries at 25 ms took', milliseconds(short));
    claim('outbound-retries', 'seven at 600 ms took', milliseconds(long));
    expect(short).toBeLessThan(long);
  });

  test('budget: retries under load stay within it', async () => {
    const total = 400;
    const retries = { attempts: 1, retryOn: ['5xx'] };
    const seenUnder = async (budget: object, name: string): Promise<number> => {
      // The marker tells the policies apart: a header that only this one adds.
      const mark = { responseHeaders: { set: { 'x-budget': name } } };
      await underPolicy(
        { targetRefs, routes: [mark], outbound: { retries: { ...retries, budget } } },
        async () => (await call('http://single.shop/')).headers['x-budget'] === name,
      );
      await load(`http://single.shop/status/503?${name}`, total);
      return await requestsFor(`/status/503?${name}`);
    };
    expect(await seenUnder({ percent: 100, minConcurrent: 100 }, 'all')).toBe(2 * total);
    expect(await seenUnder({ percent: 0, minConcurrent: 0 }, 'none')).toBe(total);
    const some = await seenUnder({ percent: 20, minConcurrent: 1 }, 'some');
    expect(some).toBeGreaterThan(total);
    expect(some).toBeLessThan(1.5 * total);
    claim('outbound-retries', `${total} failing calls at a budget of 20 % were sent`, some);
  });

  test('a route’s retries go before the Service’s, leaf by leaf', async () => {
    const routes = [
      { matches: [{ path: { type: 'RegularExpression', value: '/flaky/.*/1' } }] },
      { retries: { attempts: 2 } },
    ];
    const outbound = { retries: { attempts: 1, retryOn: ['5xx'] } };
    // The policy of the test before admits more, and none admits less.
    await underPolicy(
      { targetRefs, routes, outbound },
      async () => (await works(2)) && !(await works(3)),
    );
    expect(await works(1)).toBe(true);
  });
});
