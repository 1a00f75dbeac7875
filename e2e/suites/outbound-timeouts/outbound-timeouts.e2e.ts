/** Claim: `outbound.timeouts` holds for the calls that its target says, the nearer target winning. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { CallResult, Mesh } from '../../../demo/rig/index.js';
import { claim, milliseconds } from '../../kit/claim.js';
import { manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually, sidecarOf } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const client = 'web/client';
const batch = 'web/batch';
const stranger = 'other/client';
const slowMs = 900;

let mesh: Mesh;

beforeAll(async () => {
  mesh = await startSuiteMesh({ suite: import.meta.url, base: 'own' });
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

async function call(from: string, url: string): Promise<CallResult> {
  return await (await mesh.agent(from)).http({ url, timeoutMs: 20_000 });
}

const slow = (service: string): string => `http://${service}.shop/delay/${slowMs}`;

/** The statuses of the slow call from each caller. */
async function statuses(service = 'catalog'): Promise<readonly (number | string | null)[]> {
  const results = await Promise.all(
    [client, batch, stranger].map((from) => call(from, slow(service))),
  );
  return results.map(({ status }) => status);
}

async function untilStatuses(expected: readonly number[], service?: string): Promise<void> {
  await eventually(`statuses ${expected.join(', ')}`, async () => {
    const found = await statuses(service);
    return found.every((status, index) => status === expected[index]) ? true : undefined;
  });
  expect(await statuses(service)).toEqual(expected);
}

const onCatalog = [{ kind: 'Service', name: 'catalog' }];
const timeouts = (values: object): object => ({ timeouts: values });

describe('the request timeout', () => {
  afterAll(async () => {
    for (const file of ['1', '2', '3', 'section', '4', '5', '6'])
      await mesh.writeManifest(`${file}.yaml`, undefined);
  });

  test('without a policy is none', async () => {
    expect(await statuses()).toEqual([200, 200, 200]);
    expect(await statuses('archive')).toEqual([200, 200, 200]);
  });

  test('of the mesh holds for every call', async () => {
    const policy = trafficPolicy('skerry-system/mesh', {
      targetRefs: [{ kind: 'Mesh' }],
      outbound: timeouts({ request: '200ms' }),
    });
    await mesh.writeManifest('1.yaml', manifest(policy));
    await untilStatuses([504, 504, 504]);
    const { ms } = await call(client, slow('archive'));
    expect(ms).toBeLessThan(slowMs);
    claim('outbound-timeouts', 'a request timeout of 200 ms answers after', milliseconds(ms));
  });

  test('of the callee’s namespace is nearer', async () => {
    const policy = trafficPolicy('shop/all', {
      targetRefs: [{ kind: 'Namespace' }],
      outbound: timeouts({ request: '10s' }),
    });
    await mesh.writeManifest('2.yaml', manifest(policy));
    await untilStatuses([200, 200, 200]);
    expect(await statuses('archive')).toEqual([200, 200, 200]);
    // A pod that is called by its address belongs to its namespace too.
    expect((await call(client, `http://10.66.2.1:8080/delay/${slowMs}`)).status).toBe(200);
  });

  test('of the Service is nearer than its namespace’s', async () => {
    const policy = trafficPolicy('shop/catalog', {
      targetRefs: onCatalog,
      outbound: timeouts({ request: '200ms' }),
    });
    await mesh.writeManifest('3.yaml', manifest(policy));
    await untilStatuses([504, 504, 504]);
    expect(await statuses('archive')).toEqual([200, 200, 200]);
  });

  test('of one port of the Service is nearer than the Service’s, for this port alone', async () => {
    const policy = trafficPolicy('shop/section', {
      targetRefs: [{ kind: 'Service', name: 'catalog', sectionName: 'reports' }],
      outbound: timeouts({ request: '10s' }),
    });
    await mesh.writeManifest('section.yaml', manifest(policy));
    const reports = 'catalog.shop:81';
    const slowReport = async (): Promise<CallResult['status']> =>
      (await call(client, `http://${reports}/delay/${slowMs}`)).status;
    await eventually('no timeout at the port', async () =>
      (await slowReport()) === 200 ? true : undefined,
    );
    expect(await statuses()).toEqual([504, 504, 504]);
    const { stdout } = await mesh
      .controlPlane()
      .skerry(['explain', client, reports, 'GET', '/delay/1', '-f', mesh.directory]);
    expect(stdout.replaceAll(/ +/g, ' ')).toContain(
      'request timeout 10s TrafficPolicy shop/section spec.outbound.timeouts.request',
    );
    await mesh.writeManifest('section.yaml', undefined);
    await eventually('the Service’s timeout at the port', async () =>
      (await slowReport()) === 504 ? true : undefined,
    );
  });

  test('of a route is nearer than the Service’s', async () => {
    const policy = trafficPolicy('shop/routes', {
      targetRefs: onCatalog,
      routes: [{ name: 'slow', timeout: '10s', matches: [{ path: { value: '/delay' } }] }, {}],
    });
    await mesh.writeManifest('4.yaml', manifest(policy));
    await untilStatuses([200, 200, 200]);
  });

  test('of a consumer is nearer than a route’s, for its own namespace alone', async () => {
    const policy = trafficPolicy('web/catalog', {
      targetRefs: [{ kind: 'Service', name: 'catalog', namespace: 'shop' }],
      outbound: timeouts({ request: '200ms' }),
    });
    await mesh.writeManifest('5.yaml', manifest(policy));
    await untilStatuses([504, 504, 200]);
    expect(await statuses('archive')).toEqual([200, 200, 200]);
  });

  test('of the caller’s own pods is nearest, for these alone, and explain names it', async () => {
    const policy = trafficPolicy('web/batch', {
      targetRefs: [{ kind: 'Pod', selector: { matchLabels: { app: 'batch' } } }],
      outbound: timeouts({ request: '9s' }),
    });
    await mesh.writeManifest('6.yaml', manifest(policy));
    await untilStatuses([504, 200, 200]);
    for (const [from, says] of [
      [batch, 'request timeout 9s TrafficPolicy web/batch spec.outbound.timeouts.request'],
      [client, 'request timeout 200ms TrafficPolicy web/catalog spec.outbound.timeouts.request'],
      [stranger, 'request timeout 10s TrafficPolicy shop/routes spec.routes[0].timeout'],
    ] as const) {
      const { stdout } = await mesh
        .controlPlane()
        .skerry(['explain', from, 'catalog.shop:80', 'GET', '/delay/1', '-f', mesh.directory]);
      expect(stdout.replaceAll(/ +/g, ' ')).toContain(says);
    }
  });

  test('goes with its policy', async () => {
    for (const file of ['1', '2', '3', '4', '5', '6'])
      await mesh.writeManifest(`${file}.yaml`, undefined);
    await untilStatuses([200, 200, 200]);
  });
});

describe('the connect timeout', () => {
  test('is a second, and what a policy says', async () => {
    const first = await call(client, 'http://nowhere.shop/');
    expect(first.status).toBe(503);
    // Three attempts of a second each.
    expect(first.ms).toBeGreaterThan(2_900);
    const policy = trafficPolicy('shop/nowhere', {
      targetRefs: [{ kind: 'Service', name: 'nowhere' }],
      outbound: timeouts({ connect: '100ms' }),
    });
    await mesh.writeManifest('7.yaml', manifest(policy));
    const { ms } = await eventually(
      'a shorter wait',
      async () => {
        const result = await call(client, 'http://nowhere.shop/');
        return result.ms < 1_500 ? result : undefined;
      },
      20_000,
    );
    claim('outbound-timeouts', 'three attempts of 100 ms to connect end after', milliseconds(ms));
  });
});

/** Connections that the caller's sidecar holds to the Service's endpoints. */
async function connectionsTo(from: string, cluster: string): Promise<number> {
  const text = await sidecarOf(mesh, from).admin('/clusters');
  const lines = text.split('\n').filter((line) => line.startsWith(`${cluster}::`));
  return lines
    .map((line) => Number(/::cx_active::(\d+)$/.exec(line)?.[1] ?? 0))
    .reduce((sum, count) => sum + count, 0);
}

describe('the idle timeout', () => {
  const catalog = 'http|10.96.2.1:80';

  test('closes a connection without calls, which is otherwise kept', async () => {
    expect((await call(client, 'http://catalog.shop/')).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await connectionsTo(client, catalog)).toBeGreaterThan(0);
    const policy = trafficPolicy('shop/catalog', {
      targetRefs: onCatalog,
      outbound: timeouts({ idle: '200ms' }),
    });
    await mesh.writeManifest('8.yaml', manifest(policy));
    await eventually('no connection left', async () =>
      (await connectionsTo(client, catalog)) === 0 ? true : undefined,
    );
    expect((await call(client, 'http://catalog.shop/')).status).toBe(200);
    await eventually('no connection left again', async () =>
      (await connectionsTo(client, catalog)) === 0 ? true : undefined,
    );
  });
});
