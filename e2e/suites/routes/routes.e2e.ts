/** Claim: every field of routes does to real requests what it says. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { CallResult, Mesh } from '../../../demo/rig/index.js';
import { claim, milliseconds } from '../../kit/claim.js';
import { eventually } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const host = 'http://catalog.shop';
let mesh: Mesh;

beforeAll(async () => {
  mesh = await startSuiteMesh({ suite: import.meta.url, base: 'own' });
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

interface Call {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly from?: string;
}

async function call({ path, from = 'web/client', ...rest }: Call): Promise<CallResult> {
  return await (await mesh.agent(from)).http({ url: `${host}${path}`, ...rest });
}

/** The rule that matched, or the status. */
async function routeOf(request: Call): Promise<string | number | null> {
  const { status, headers } = await call(request);
  return status === 200 ? (headers['x-route'] ?? 'no name') : status;
}

interface Seen {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

const seen = (result: CallResult): Seen => JSON.parse(result.body) as Seen;

/** The requests that a server's app has logged for a path. */
async function requestsAt(key: string, path: string): Promise<number> {
  const log = await mesh.pod(key).appLog();
  return log.split('\n').filter((line) => line.includes(`"url":"${path}"`)).length;
}

const allHeaders = { 'x-exact': 'beta', 'x-prefix': 'bed', 'x-regex': 'bravura', 'x-present': '' };

describe('matches', () => {
  test.each<readonly [string, Call, string | 404]>([
    ['an exact path', { path: '/exact' }, 'exact'],
    ['an exact path with a query', { path: '/exact?a=b' }, 'exact'],
    ['not below an exact path', { path: '/exact/more' }, 404],
    ['a prefix', { path: '/prefix' }, 'prefix'],
    ['a prefix with more segments', { path: '/prefix/a/b' }, 'prefix'],
    ['not a prefix inside a segment', { path: '/prefixed' }, 404],
    ['a regular expression', { path: '/items/42' }, 'regex'],
    ['a regular expression with a query', { path: '/items/42?full' }, 'regex'],
    ['not a part of a path', { path: '/items/42/more' }, 404],
    ['a method', { path: '/method', method: 'POST' }, 'method'],
    ['not another method', { path: '/method' }, 404],
    [
      'headers of all kinds',
      { path: '/headers', headers: { ...allHeaders, 'x-present': 'x' } },
      'headers',
    ],
    ['query parameters', { path: '/query?debug=1&trace=yes' }, 'query'],
    ['not another value of one', { path: '/query?debug=2&trace=yes' }, 404],
    ['not without one', { path: '/query?debug=1' }, 404],
    ['a caller', { path: '/from' }, 'from'],
    ['not a caller who is excepted', { path: '/not-from' }, 404],
    ['the first of two alternatives', { path: '/either' }, 'alternatives'],
    ['the second of two alternatives', { path: '/or' }, 'alternatives'],
    ['nothing else', { path: '/' }, 404],
    ['a path with slashes to be merged', { path: '//exact' }, 'exact'],
  ])('%s', async (_what, request, route) => {
    expect(await routeOf(request)).toBe(route);
  });

  test.each([
    ['x-exact', 'betas'],
    ['x-prefix', 'abed'],
    ['x-regex', 'xbravura'],
    ['x-present', undefined],
  ])('not when the header %s is %s', async (name, value) => {
    const all = { ...allHeaders, 'x-present': 'x' };
    const others = Object.entries(all).filter(([header]) => header !== name);
    const headers = Object.fromEntries(value === undefined ? others : [...others, [name, value]]);
    expect(await routeOf({ path: '/headers', headers })).toBe(404);
  });
});

describe('matches by caller', () => {
  const far = 'far/client';

  test.each([
    ['its SPIFFE ID', 'from-spiffe'],
    ['its address', 'from-cidr'],
    ['the labels of its namespace', 'from-selector'],
  ])('by %s: this one, and not another', async (_what, route) => {
    expect(await routeOf({ path: `/${route}` })).toBe(route);
    expect(await routeOf({ path: `/${route}`, from: far })).toBe(404);
    // The other caller’s routes are these, but for whom they are.
    expect(await routeOf({ path: '/exact', from: far })).toBe('exact');
  });
});

describe('backends', () => {
  test('are chosen by weight', async () => {
    const agent = await mesh.agent('web/client');
    const total = 1_000;
    const { statuses, versions } = await agent.load({ url: `${host}/weighted`, total });
    expect(statuses).toEqual({ '200': total });
    // A fifth, and five standard deviations about it.
    const deviation = Math.sqrt(total * 0.2 * 0.8);
    const second = versions['v2'] ?? 0;
    expect(Math.abs(second - total / 5)).toBeLessThan(5 * deviation);
    claim('routes', `of ${total} requests at weights 4 to 1, to the lighter backend`, second);
  });

  test.each([
    ['a subset by labels', '/subset', 'catalog'],
    ['another Service', '/elsewhere', 'catalog'],
  ])('may be %s', async (_what, path) => {
    for (let count = 0; count < 20; count += 1) {
      expect(await call({ path })).toMatchObject({ status: 200, version: 'v2' });
    }
  });

  test('that do not exist are answered 503', async () => {
    expect((await call({ path: '/missing' })).status).toBe(503);
  });
});

describe('changes', () => {
  test('rewrite a prefix, by segments', async () => {
    expect(seen(await call({ path: '/old' })).url).toBe('/new');
    expect(seen(await call({ path: '/old/a/b?c=d' })).url).toBe('/new/a/b?c=d');
  });

  test('rewrite the whole path and the host', async () => {
    const { url, headers } = seen(await call({ path: '/whole/of/it?c=d' }));
    expect(url).toBe('/one?c=d');
    expect(headers['host']).toBe('catalog.internal');
  });

  test('redirect to another scheme, host, port and path', async () => {
    const { status, headers } = await call({ path: '/moved/away' });
    expect(status).toBe(308);
    expect(headers['location']).toBe('https://new.example.com:8443/x');
  });

  test('redirect to another prefix', async () => {
    const { status, headers } = await call({ path: '/renamed/a?b=c' });
    expect(status).toBe(301);
    expect(headers['location']).toBe('http://catalog.shop/name/a?b=c');
  });

  test('set, add and remove headers of requests', async () => {
    const headers = { 'x-set': 'old', 'x-add': 'first', 'x-gone': 'here', 'x-kept': 'kept' };
    const saw = seen(await call({ path: '/header-changes', headers })).headers;
    expect(saw).toMatchObject({ 'x-set': 'new', 'x-kept': 'kept' });
    expect(saw['x-add']?.replaceAll(' ', '')).toBe('first,second');
    expect(saw['x-gone']).toBeUndefined();
  });

  test('set, add and remove headers of responses', async () => {
    const { headers } = await call({ path: '/header-changes' });
    expect(headers).toMatchObject({ 'x-from-server': 'changed', 'x-added': 'here' });
    expect(headers['x-to-remove']).toBeUndefined();
    // Elsewhere they are as the server sent them.
    const other = await call({ path: '/exact' });
    expect(other.headers).toMatchObject({ 'x-from-server': 'original', 'x-to-remove': 'there' });
  });
});

describe('resilience', () => {
  test('a mirror receives every request, and its answers are nobody’s', async () => {
    for (let count = 0; count < 10; count += 1) {
      const result = await call({ path: '/mirrored/x' });
      expect(result).toMatchObject({ status: 200 });
      expect(JSON.parse(result.body)).toMatchObject({ service: 'catalog' });
    }
    await eventually('ten requests at the shadow', async () =>
      (await requestsAt('shop/shadow', '/mirrored/x')) === 10 ? true : undefined,
    );
  });

  test('a timeout is answered 504 in its time', async () => {
    const result = await call({ path: '/delay/3000' });
    expect(result.status).toBe(504);
    // Envoy counts from the time its event loop woke up, which is some milliseconds before the call.
    expect(result.ms).toBeGreaterThan(280);
    expect(result.ms).toBeLessThan(1_500);
    claim('routes', 'a timeout of 300 ms answered 504 after', milliseconds(result.ms));
    expect(await call({ path: '/delay/50' })).toMatchObject({ status: 200 });
  });

  test('a retry hides a failure that it may, and the server sees each attempt', async () => {
    expect(await call({ path: '/flaky/twice/2' })).toMatchObject({ status: 200 });
    expect(await requestsAt('shop/v1', '/flaky/twice/2')).toBe(3);
  });

  test('no more attempts are made than were allowed', async () => {
    expect(await call({ path: '/flaky/often/9' })).toMatchObject({ status: 503 });
    expect(await requestsAt('shop/v1', '/flaky/often/9')).toBe(3);
  });

  test('what the server may have carried out is not retried by default', async () => {
    expect(await call({ path: '/status/503' })).toMatchObject({ status: 503 });
    expect(await requestsAt('shop/v1', '/status/503')).toBe(1);
  });
});

describe('a consumer’s policy', () => {
  test('replaces the producer’s routes for its own namespace', async () => {
    expect(await routeOf({ path: '/consumer', from: 'other/client' })).toBe('consumer');
    expect(await routeOf({ path: '/exact', from: 'other/client' })).toBe(404);
  });

  test('is nothing to other namespaces', async () => {
    expect(await routeOf({ path: '/consumer' })).toBe(404);
    expect(await routeOf({ path: '/exact' })).toBe('exact');
  });
});
