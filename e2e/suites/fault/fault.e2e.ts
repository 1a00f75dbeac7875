/** Claim: `routes[].fault` delays and answers the share of calls that it says, and no other. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { CallResult, LoadResult, Mesh } from '../../../demo/rig/index.js';
import { claim, milliseconds } from '../../kit/claim.js';
import { manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually, untilLogged } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const client = 'web/client';
const stranger = 'other/client';
const url = 'http://catalog.shop/';
let mesh: Mesh;

beforeAll(async () => {
  mesh = await startSuiteMesh({ suite: import.meta.url, base: 'own' });
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

afterEach(async () => {
  await mesh.writeManifest('50-policy.yaml', undefined);
});

async function apply(service: string, routes: readonly object[], from = 'shop'): Promise<void> {
  const target = { kind: 'Service', name: service, namespace: 'shop' };
  const policy = trafficPolicy(`${from}/${service}`, { targetRefs: [target], routes });
  await mesh.writeManifest('50-policy.yaml', manifest(policy));
}

async function call(from = client, path = ''): Promise<CallResult> {
  return await (await mesh.agent(from)).http({ url: `${url}${path}`, timeoutMs: 20_000 });
}

async function greet(from = client): Promise<CallResult> {
  return await (await mesh.agent(from)).grpc({ target: 'greeter.shop:50051', timeoutMs: 20_000 });
}

async function load(total: number, from = client): Promise<LoadResult> {
  return await (await mesh.agent(from)).load({ url, total, concurrency: 8, timeoutMs: 20_000 });
}

async function until<Result>(
  what: string,
  look: () => Promise<Result>,
  isSeen: (result: Result) => boolean,
): Promise<Result> {
  return await eventually(what, async () => {
    const result = await look();
    return isSeen(result) ? result : undefined;
  });
}

/** The requests for a path that the server's app has seen. */
async function seenByApp(path: string): Promise<number> {
  const log = await mesh.pod('shop/catalog').appLog();
  return log.split('\n').filter((line) => line.includes(`"url":"${path}"`)).length;
}

describe('without a policy', () => {
  test('nothing is delayed and nothing answered for the callee', async () => {
    const { statuses, maxMs } = await load(400);
    expect(statuses).toEqual({ 200: 400 });
    expect(maxMs).toBeLessThan(1_000);
    expect((await greet()).status).toBe('OK');
  });
});

describe('abort', () => {
  test('answers its share, and the app sees the others only', async () => {
    const abort = { percent: 10, httpStatus: 503 };
    await apply('catalog', [{ name: 'some', fault: { abort } }]);
    await until(
      'an abort',
      () => load(100),
      ({ statuses }) => statuses[503] !== undefined,
    );
    const total = 4_000;
    const { statuses } = await load(total);
    const aborted = statuses[503] ?? 0;
    // Five standard deviations.
    expect(Math.abs(aborted - total / 10)).toBeLessThan(5 * Math.sqrt(total * 0.1 * 0.9));
    expect(statuses[200]).toBe(total - aborted);
    claim('fault', `of ${total} calls at 10 %, aborted:`, aborted);
  });

  test('is precise to a hundredth of a percent: neither none nor many', async () => {
    const abort = { percent: 0.05, httpStatus: 503 };
    await apply('catalog', [
      { name: 'few', fault: { abort }, responseHeaders: { set: { a: 'b' } } },
    ]);
    await until('the route', call, ({ headers }) => headers['a'] === 'b');
    const total = 20_000;
    const { statuses } = await load(total);
    const aborted = statuses[503] ?? 0;
    // Ten are expected: fewer than one or more than 30 have a chance below one of 20,000.
    expect(aborted).toBeGreaterThan(0);
    expect(aborted).toBeLessThan(31);
    claim('fault', `of ${total} calls at 0.05 %, aborted:`, aborted);
  });

  test('names the rule, in the answer and in the access log, and reaches no app', async () => {
    await apply('catalog', [
      {
        name: 'broken',
        matches: [{ path: { value: '/broken' } }],
        fault: { abort: { httpStatus: 418 } },
      },
      { name: 'rest' },
    ]);
    const { body } = await until(
      'the abort',
      () => call(client, 'broken'),
      (one) => one.status === 418,
    );
    expect(body).toBe('fault of route shop/catalog/broken');
    const before = await seenByApp('/broken');
    expect((await call(client, 'broken')).status).toBe(418);
    expect(await seenByApp('/broken')).toBe(before);
    expect((await call(client, 'whole')).status).toBe(200);
    await untilLogged(mesh, client, [
      '"route":"shop/catalog/broken"',
      '"details":"fault_filter_abort"',
      '"flags":"FI"',
      '"status":418',
    ]);
  });

  test('gives gRPC calls a status of their own, and others theirs', async () => {
    const abort = { httpStatus: 503, grpcStatus: 'RESOURCE_EXHAUSTED' };
    await apply('greeter', [{ name: 'both', fault: { abort } }]);
    const { error } = await until(
      'the abort',
      greet,
      ({ status }) => status === 'RESOURCE_EXHAUSTED',
    );
    expect(error).toContain('fault of route shop/greeter/both');
    const plain = await (await mesh.agent(client)).http({ url: 'http://greeter.shop:50051/' });
    expect(plain).toMatchObject({ status: 503, body: 'fault of route shop/greeter/both' });
  });

  test('with a gRPC status alone lets others through', async () => {
    await apply('catalog', [{ name: 'grpc', fault: { abort: { grpcStatus: 'DATA_LOSS' } } }]);
    const headers = { 'content-type': 'application/grpc' };
    const asGrpc = async (): Promise<CallResult> =>
      await (await mesh.agent(client)).http({ url, method: 'POST', headers });
    const aborted = await until('the abort', asGrpc, (one) => one.headers['grpc-status'] === '15');
    expect(aborted.status).toBe(200);
    expect(await call()).toMatchObject({ status: 200, version: 'v1' });
  });

  test('is not tried again', async () => {
    await apply('catalog', [
      {
        name: 'all',
        fault: { abort: { httpStatus: 503 } },
        retries: { attempts: 3, retryOn: ['5xx'], backoff: { base: '1s', max: '1s' } },
      },
    ]);
    const { ms } = await until('the abort', call, ({ status }) => status === 503);
    expect(ms).toBeLessThan(900);
  });
});

describe('delay', () => {
  test('holds its share back, for so long', async () => {
    await apply('catalog', [{ name: 'slow', fault: { delay: { duration: '400ms' } } }]);
    const { ms, status } = await until('the delay', call, (one) => one.ms > 380);
    expect(status).toBe(200);
    expect(ms).toBeLessThan(1_500);
    claim('fault', 'a delay of 400 ms answers after', milliseconds(ms));
    await apply('catalog', [
      { name: 'slow', fault: { delay: { duration: '400ms', percent: 25 } } },
    ]);
    await until(
      'undelayed calls',
      () => load(8),
      ({ medianMs }) => medianMs < 300,
    );
    // Few at once: a call that waits for a busy machine is not told from one that was held back.
    const results: Awaited<ReturnType<typeof call>>[] = [];
    for (let round = 0; round < 40; round += 1) {
      results.push(...(await Promise.all(Array.from({ length: 5 }, () => call()))));
    }
    const delayed = results.filter((one) => one.ms > 380).length;
    expect(results.every((one) => one.status === 200)).toBe(true);
    // A quarter of 200, and five standard deviations about it.
    expect(Math.abs(delayed - 50)).toBeLessThan(5 * Math.sqrt(200 * 0.25 * 0.75));
  });

  test('and abort together: what is answered is answered late', async () => {
    const fault = { delay: { duration: '300ms' }, abort: { httpStatus: 504 } };
    await apply('catalog', [{ name: 'slow', fault }]);
    const { ms } = await until('the abort', call, ({ status }) => status === 504);
    expect(ms).toBeGreaterThan(280);
  });
});

describe('a consumer’s policy', () => {
  test('faults its own namespace’s calls and nobody else’s', async () => {
    await apply('catalog', [{ name: 'mine', fault: { abort: { httpStatus: 503 } } }], 'web');
    const { body } = await until('the abort', call, ({ status }) => status === 503);
    expect(body).toBe('fault of route web/catalog/mine');
    expect((await load(100, stranger)).statuses).toEqual({ 200: 100 });
  });
});
