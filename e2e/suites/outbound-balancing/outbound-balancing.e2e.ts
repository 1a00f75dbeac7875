/** Claim: `outbound.loadBalancing.algorithm`, `hashOn` and `slowStart` decide which endpoint gets a call; the default minds latency. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Agent, LoadResult, Mesh } from '../../../demo/rig/index.js';
import { claim } from '../../kit/claim.js';
import { endpointSlice, manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const url = 'http://catalog.shop/';
const servers = { one: '10.66.2.1', two: '10.66.2.2', three: '10.66.2.3' } as const;
type Server = keyof typeof servers;
const all: readonly Server[] = ['one', 'two', 'three'];

let mesh: Mesh;
let agent: Agent;

beforeAll(async () => {
  mesh = await startSuiteMesh({ suite: import.meta.url, base: 'own' });
  await setServers(all);
  agent = await mesh.agent('web/client');
  await untilSpread();
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

afterEach(async () => {
  await mesh.writeManifest('50-policy.yaml', undefined);
  await setServers(all);
  await untilSpread();
});

async function setServers(names: readonly Server[]): Promise<void> {
  const endpoints = names.map((name) => ({ ip: servers[name] }));
  const port = { name: 'http', port: 8080 };
  const slice = endpointSlice({ service: 'shop/catalog', port, endpoints });
  await mesh.writeManifest('30-slice.yaml', manifest(slice));
}

async function apply(loadBalancing: object): Promise<void> {
  const targetRefs = [{ kind: 'Service', name: 'catalog' }];
  const policy = trafficPolicy('shop/catalog', { targetRefs, outbound: { loadBalancing } });
  await mesh.writeManifest('50-policy.yaml', manifest(policy));
}

async function load(
  path = '',
  { total = 60, headers = {} }: { total?: number; headers?: Record<string, string> } = {},
): Promise<LoadResult> {
  const result = await agent.load({
    url: new URL(path, url).href,
    ...{ total, headers, concurrency: 6, timeoutMs: 20_000 },
  });
  expect(result.errors).toEqual({});
  return result;
}

function versionsOf({ versions }: LoadResult): readonly string[] {
  return Object.keys(versions).sort();
}

async function untilSpread(): Promise<void> {
  await eventually(
    'all servers answer alike calls',
    async () => (versionsOf(await load()).length === 3 ? true : undefined),
    20_000,
  );
}

/** Looks until alike calls meet one server. */
async function untilSticky(path = '', headers: Record<string, string> = {}): Promise<string> {
  return await eventually(
    'one server answers alike calls',
    async () => {
      const [only, ...others] = versionsOf(await load(path, { headers }));
      return others.length === 0 ? only : undefined;
    },
    20_000,
  );
}

describe.each(['RingHash', 'Maglev'])('%s', (algorithm) => {
  test('hashOn a header: each value has its server, and keeps it when another server goes', async () => {
    await apply({ algorithm, hashOn: { header: 'x-user' } });
    await untilSticky('', { 'x-user': 'user-0' });
    const users = Array.from({ length: 24 }, (_, index) => `user-${String(index)}`);
    const place = async (): Promise<ReadonlyMap<string, string>> => {
      const found = new Map<string, string>();
      for (const user of users) {
        const versions = versionsOf(await load('', { total: 4, headers: { 'x-user': user } }));
        expect(versions).toHaveLength(1);
        found.set(user, versions[0] ?? '');
      }
      return found;
    };
    const before = await place();
    expect([...new Set(before.values())].sort()).toEqual([...all].sort());
    await setServers(['one', 'two']);
    const lost = users.find((user) => before.get(user) === 'three') ?? '';
    await eventually('the server is gone', async () =>
      versionsOf(await load('', { total: 4, headers: { 'x-user': lost } })).includes('three')
        ? undefined
        : true,
    );
    const after = await place();
    const kept = users.filter((user) => before.get(user) !== 'three');
    const moved = kept.filter((user) => after.get(user) !== before.get(user));
    // Both move a few more than they must: those that stay have more of a table of the same size.
    expect(moved.length).toBeLessThanOrEqual(kept.length / 3);
    claim('outbound-balancing', `${algorithm}: users who lost a server that stayed:`, moved.length);
  });

  test('hashOn a query parameter', async () => {
    await apply({ algorithm, hashOn: { queryParam: 'user' } });
    await untilSticky('?user=0');
    const found = new Set<string>();
    for (let user = 0; user < 24; user += 1) found.add(await untilSticky(`?user=${String(user)}`));
    expect([...found].sort()).toEqual([...all].sort());
  });

  test('hashOn the caller’s address: all of its calls meet one server', async () => {
    await apply({ algorithm, hashOn: { sourceIP: true } });
    await untilSticky();
    expect(versionsOf(await load('', { total: 300 }))).toHaveLength(1);
  });

  test('hashOn a cookie: who has none is given one, and meets the same server with it', async () => {
    await apply({ algorithm, hashOn: { cookie: { name: 'seat', ttl: '60s' } } });
    const given = await eventually('a cookie', async () => {
      const { headers, version } = await agent.http({ url });
      const cookie = headers['set-cookie'];
      return cookie === undefined ? undefined : { cookie, version };
    });
    expect(given.cookie).toMatch(/^seat="?[0-9a-f]+"?; Max-Age=60; Path=\/; HttpOnly/);
    const cookie = given.cookie.split(';', 1)[0] ?? '';
    const { versions } = await load('', { total: 100, headers: { cookie } });
    expect(Object.keys(versions)).toEqual([given.version]);
  });
});

test('RoundRobin goes on to the next, and Random does not', async () => {
  const spread = async (): Promise<number> => {
    const { versions } = await load('', { total: 600 });
    const counts = all.map((name) => versions[name] ?? 0);
    return Math.max(...counts) - Math.min(...counts);
  };
  await apply({ algorithm: 'RoundRobin' });
  // Each of two workers goes on by itself.
  await eventually('even shares', async () => ((await spread()) <= 6 ? true : undefined), 20_000);
  await apply({ algorithm: 'Random' });
  await eventually('uneven shares', async () => ((await spread()) > 12 ? true : undefined), 20_000);
});

test('slowStart: a new server gets its calls little by little', async () => {
  const share = async (): Promise<number> => {
    const { versions } = await load('', { total: 600 });
    return (versions['three'] ?? 0) / 600;
  };
  const shareWhenNew = async (): Promise<number> => {
    await setServers(['one', 'two']);
    await eventually('it is gone', async () => ((await share()) === 0 ? true : undefined), 20_000);
    await setServers(all);
    return await eventually('its first calls', async () => {
      const found = await share();
      return found > 0 ? found : undefined;
    });
  };
  await apply({ algorithm: 'RoundRobin' });
  await eventually('it is in force', async () => ((await share()) > 0.3 ? true : undefined));
  expect(await shareWhenNew()).toBeGreaterThan(0.15);
  await apply({ algorithm: 'RoundRobin', slowStart: '8s' });
  // To a cluster made anew every server is new: the others must be past their start.
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const first = await shareWhenNew();
  expect(first).toBeLessThan(0.15);
  await eventually('its share', async () => ((await share()) > 0.3 ? true : undefined), 20_000);
  claim('outbound-balancing', 'share of a new server of three at first, in percent:', first * 100);
});

interface Measured extends LoadResult {
  readonly meanMs: number;
}

test('of three servers one is ten times slower: the default minds it, RoundRobin does not', async () => {
  const rounds = 5;
  const shape = { total: 300, concurrency: 12 };
  const measure = async (): Promise<readonly Measured[]> => {
    const results: Measured[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const slow = new URL('/late/three/200/20', url).href;
      const startedAt = performance.now();
      const result = await agent.load({ url: slow, ...shape, timeoutMs: 20_000 });
      const meanMs = ((performance.now() - startedAt) * shape.concurrency) / shape.total;
      results.push({ ...result, meanMs });
    }
    return results;
  };
  const middle = (results: readonly Measured[], of: (one: Measured) => number): number =>
    results.map(of).sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? Number.NaN;
  const slow = ({ versions, total }: Measured): number => (100 * (versions['three'] ?? 0)) / total;
  const report = (name: string, results: readonly Measured[]): void => {
    const figures = [
      `p50 ${middle(results, (one) => one.medianMs).toFixed(0)} ms`,
      `mean ${middle(results, (one) => one.meanMs).toFixed(0)} ms`,
      `p99 ${middle(results, (one) => one.p99Ms).toFixed(0)} ms`,
    ];
    const share = Math.round(middle(results, slow));
    claim('outbound-balancing', `${name}: ${figures.join(', ')}; calls to the slow one, %:`, share);
  };
  const byDefault = await measure();
  await apply({ algorithm: 'RoundRobin' });
  await eventually('even shares', async () => {
    const { versions } = await load('', { total: 300 });
    return Math.abs((versions['three'] ?? 0) - 100) <= 3 ? true : undefined;
  });
  const byTurns = await measure();
  report('LeastRequest', byDefault);
  report('RoundRobin', byTurns);
  expect(middle(byTurns, slow)).toBeGreaterThan(30);
  // By the choice between two that Envoy draws: some 15.
  expect(middle(byDefault, slow)).toBeLessThan(20);
  expect(middle(byDefault, (one) => one.meanMs)).toBeLessThan(middle(byTurns, (one) => one.meanMs));
});
