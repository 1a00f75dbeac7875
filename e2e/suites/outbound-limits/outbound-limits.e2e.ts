/** Claim: `outbound.connections` bounds what a sidecar bears of a callee, `outbound.outlierDetection` leaves out what fails. */
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { runCommand, type LoadResult, type Mesh } from '../../../demo/rig/index.js';
import { claim } from '../../kit/claim.js';
import { manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually, sidecarOf } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const client = 'web/client';
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

async function load(url: string, total: number, concurrency = 8): Promise<LoadResult> {
  return await (await mesh.agent(client)).load({ url, total, concurrency, timeoutMs: 20_000 });
}

async function apply(service: string, outbound: object): Promise<void> {
  const targetRefs = [{ kind: 'Service', name: service }];
  const policy = trafficPolicy(`shop/${service}`, { targetRefs, outbound });
  await mesh.writeManifest('50-policy.yaml', manifest(policy));
}

/** Looks until a policy shows its effect, since it is in force a moment after it is written. */
async function untilSeen(
  what: string,
  look: () => Promise<LoadResult>,
  isSeen: (result: LoadResult) => boolean,
): Promise<LoadResult> {
  return await eventually(
    what,
    async () => {
      const result = await look();
      return isSeen(result) ? result : undefined;
    },
    20_000,
  );
}

describe('connections', () => {
  const slow = 'http://single.shop/delay/200';

  test('without a policy no limit is met', async () => {
    expect((await load(slow, 40, 40)).statuses).toEqual({ 200: 40 });
  });

  test('maxRequests: calls beyond it are refused at once', async () => {
    await apply('single', { connections: { maxRequests: 3 } });
    const { statuses } = await untilSeen(
      'refused calls',
      () => load(slow, 8),
      ({ statuses: seen }) => seen[503] !== undefined,
    );
    expect(statuses).toEqual({ 200: 3, 503: 5 });
    claim('outbound-limits', 'of 8 calls at once with maxRequests 3, refused:', 5);
  });

  test('max and maxPending: so many connections, so many that wait, no more', async () => {
    await apply('single', { connections: { max: 2, maxPending: 1 } });
    await eventually('the limits', async () => {
      const text = await sidecarOf(mesh, client).admin('/clusters');
      const limits = ['max_connections::2', 'max_pending_requests::1'];
      const has = (limit: string): boolean =>
        text.includes(`10.96.2.1:80::default_priority::${limit}\n`);
      return limits.every(has) ? true : undefined;
    });
    const lasting = 'http://single.shop/delay/1500';
    // One after another: a call waits while its connection is made, and only one may.
    const first = load(lasting, 1);
    await setTimeout(300);
    const second = load(lasting, 1);
    await setTimeout(300);
    const others = await load(lasting, 6);
    expect([await first, await second].map(({ statuses }) => statuses)).toEqual([
      { 200: 1 },
      { 200: 1 },
    ]);
    expect(others.statuses).toEqual({ 200: 1, 503: 5 });
  });

  test('maxRequestsPerConnection: a connection is replaced after so many calls', async () => {
    const connections = async (): Promise<number> => {
      const text = await sidecarOf(mesh, client).admin('/clusters');
      return Number(/10\.96\.2\.1:80::10\.66\.2\.1:8080::cx_total::(\d+)/.exec(text)?.[1] ?? 0);
    };
    const used = async (): Promise<number> => {
      const before = await connections();
      await load('http://single.shop/', 20, 1);
      return (await connections()) - before;
    };
    await load('http://single.shop/', 1, 1);
    expect(await used()).toBeLessThan(3);
    await apply('single', { connections: { maxRequestsPerConnection: 2 } });
    const count = await eventually('more connections', async () => {
      const found = await used();
      return found >= 9 ? found : undefined;
    });
    expect(count).toBeLessThanOrEqual(11);
    claim('outbound-limits', 'connections for 20 calls at two each:', count);
  });

  test('tcpKeepalive: TCP asks for life', async () => {
    const timers = async (): Promise<string> => {
      await load('http://single.shop/', 1, 1);
      const { name } = mesh.pod(client).netns;
      const target = ['dst', '10.66.2.1:8080'];
      return (await runCommand(['ip', 'netns', 'exec', name, 'ss', '-tno', ...target])).stdout;
    };
    expect(await timers()).not.toContain('keepalive');
    await apply('single', { connections: { tcpKeepalive: '30s' } });
    await eventually('a keepalive timer', async () =>
      (await timers()).includes('timer:(keepalive,') ? true : undefined,
    );
  });
});

describe('outlierDetection', () => {
  const failing = 'http://catalog.shop/only/three/503';

  test('without a policy what fails is asked for ever', async () => {
    const { statuses } = await load(failing, 300);
    expect(statuses[503]).toBeGreaterThan(60);
  });

  test('consecutive5xx: it is left out, and comes back after its time', async () => {
    await apply('catalog', {
      outlierDetection: { consecutive5xx: 3, interval: '500ms', baseEjection: '3s' },
    });
    const { statuses } = await untilSeen(
      'no failure',
      () => load(failing, 300),
      ({ statuses: seen }) => seen[503] === undefined,
    );
    expect(statuses).toEqual({ 200: 300 });
    claim('outbound-limits', 'of 300 calls after the ejection, failed:', 0);
    const { versions } = await untilSeen(
      'its return',
      () => load('http://catalog.shop/', 60),
      ({ versions: seen }) => (seen['three'] ?? 0) > 0,
    );
    expect(Object.keys(versions).sort()).toEqual(['one', 'three', 'two']);
  });

  test('consecutiveGatewayErrors: 503 counts and 500 does not', async () => {
    await apply('catalog', {
      outlierDetection: { consecutiveGatewayErrors: 3, interval: '500ms', baseEjection: '60s' },
    });
    await untilSeen(
      'no failure',
      () => load(failing, 100),
      ({ statuses: seen }) => seen[503] === undefined,
    );
    const { statuses } = await load('http://catalog.shop/only/two/500', 200);
    expect(statuses[500]).toBeGreaterThan(40);
  });

  test('maxEjectedPercent: more are never left out', async () => {
    // Each of three is 33 %.
    const outlierDetection = { consecutive5xx: 1, interval: '200ms', baseEjection: '60s' };
    await apply('catalog', { outlierDetection: { ...outlierDetection, maxEjectedPercent: 40 } });
    await untilSeen(
      'an ejection',
      () => load(failing, 60),
      ({ statuses: seen }) => seen[503] === undefined,
    );
    const { statuses, versions } = await load('http://catalog.shop/only/two/500', 200);
    expect(versions['two']).toBeGreaterThan(40);
    expect(statuses[500]).toBeGreaterThan(40);
  });

  test('successRate: who fails more often than the others is left out', async () => {
    await apply('catalog', {
      outlierDetection: {
        successRate: { minimumHosts: 3, requestVolume: 10, stdevFactor: 1 },
        interval: '500ms',
        baseEjection: '60s',
      },
    });
    await untilSeen(
      'no failure',
      () => load(failing, 200),
      ({ statuses: seen }) => seen[503] === undefined,
    );
  });
});
