/** Claim: `outbound.tls` decides what calls are on the wire, from every kind of target. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { CallResult, Mesh } from '../../../demo/rig/index.js';
import { claim } from '../../kit/claim.js';
import { manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually, untilLogged } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const client = 'web/client';
const stranger = 'other/client';
const clientId = 'spiffe://cluster.local/ns/web/sa/client';

let mesh: Mesh;

beforeAll(async () => {
  mesh = await startSuiteMesh({ suite: import.meta.url, base: 'own' });
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

afterEach(async () => {
  await mesh.writeManifest('50-policy.yaml', undefined);
  // The next test begins with the defaults.
  await eventually('mesh TLS', async () => {
    const calls = [await call('meshed'), await call('meshed', stranger), await call('plain')];
    return calls.map(wireOf).join() === 'mutual,mutual,plaintext' ? true : undefined;
  });
});

async function call(service: string, from = client): Promise<CallResult> {
  return await (await mesh.agent(from)).http({ url: `http://${service}.shop/` });
}

/** What the server saw, or the status that came instead. */
function wireOf({ status, peerSpiffeId }: CallResult): string {
  if (status !== 200) return String(status);
  return peerSpiffeId === null ? 'plaintext' : 'mutual';
}

async function apply(key: string, target: object, tls: object): Promise<void> {
  const policy = trafficPolicy(key, { targetRefs: [target], outbound: { tls } });
  await mesh.writeManifest('50-policy.yaml', manifest(policy));
}

/** Waits for the effect of a policy. */
async function untilWire(service: string, wire: string, from = client): Promise<void> {
  await eventually(`${service} by ${wire}`, async () =>
    wireOf(await call(service, from)) === wire ? true : undefined,
  );
}

test('without a policy calls are mutual TLS to endpoints in the mesh, and plaintext to others', async () => {
  expect((await call('meshed')).peerSpiffeId).toBe(clientId);
  expect(wireOf(await call('plain'))).toBe('plaintext');
});

const inShop = (name: string): object => ({ kind: 'Service', name });

describe('None', () => {
  const others: readonly (readonly [string, string, object, string])[] = [
    ['a Service', 'shop/tls', inShop('meshed'), 'plaintext'],
    ['a Namespace', 'shop/tls', { kind: 'Namespace' }, 'plaintext'],
    ['the Mesh', 'skerry-system/tls', { kind: 'Mesh' }, 'plaintext'],
    ['a consumer', 'web/tls', { ...inShop('meshed'), namespace: 'shop' }, 'mutual'],
    [
      'the caller’s pods',
      'web/tls',
      { kind: 'Pod', selector: { matchLabels: { app: 'client' } } },
      'mutual',
    ],
  ];

  test.each(others)(
    'of %s is plaintext, to the mesh too',
    async (_what, key, target, elsewhere) => {
      await apply(key, target, { mode: 'None' });
      await untilWire('meshed', 'plaintext');
      // Whom it does not speak of goes on as before.
      await untilWire('meshed', elsewhere, stranger);
      expect(wireOf(await call('meshed', stranger))).toBe(elsewhere);
    },
  );

  test('a nearer Auto is mutual TLS again', async () => {
    await mesh.writeManifest(
      '50-policy.yaml',
      manifest(
        trafficPolicy('skerry-system/all', {
          targetRefs: [{ kind: 'Mesh' }],
          outbound: { tls: { mode: 'None' } },
        }),
        trafficPolicy('web/near', {
          targetRefs: [{ ...inShop('meshed'), namespace: 'shop' }],
          outbound: { tls: { mode: 'Auto' } },
        }),
      ),
    );
    await untilWire('meshed', 'plaintext', stranger);
    expect(wireOf(await call('meshed'))).toBe('mutual');
  });
});

describe('Mesh', () => {
  test('an endpoint outside the mesh gets no call, and the log says that none is left', async () => {
    await apply('shop/tls', { kind: 'Namespace' }, { mode: 'Mesh' });
    await untilWire('plain', '503');
    await untilLogged(mesh, client, ['10.96.2.2', '"flags":"UH"']);
    expect(wireOf(await call('meshed'))).toBe('mutual');
  });

  test('of endpoints in and outside the mesh those inside get every call', async () => {
    const all = await (
      await mesh.agent(client)
    ).load({
      ...{ url: 'http://mixed.shop/', total: 60, concurrency: 4, timeoutMs: 20_000 },
    });
    expect(all.versions['plain']).toBeGreaterThan(10);
    await apply('web/tls', { ...inShop('mixed'), namespace: 'shop' }, { mode: 'Mesh' });
    const agent = await mesh.agent(client);
    const { statuses, versions } = await eventually('calls inside only', async () => {
      const seen = await agent.load({
        ...{ url: 'http://mixed.shop/', total: 200, concurrency: 4, timeoutMs: 20_000 },
      });
      return seen.versions['plain'] === undefined ? seen : undefined;
    });
    expect([statuses, versions]).toEqual([{ 200: 200 }, { meshed: 200 }]);
    claim('outbound-tls', 'of 200 calls with TLS Mesh, to the endpoint outside the mesh:', 0);
    // Others see both endpoints.
    const others = await (
      await mesh.agent(stranger)
    ).load({
      ...{ url: 'http://mixed.shop/', total: 60, concurrency: 4, timeoutMs: 20_000 },
    });
    expect(others.versions['plain']).toBeGreaterThan(10);
  });

  test('a pod outside the mesh that is called by its address gets no call either', async () => {
    const agent = await mesh.agent(client);
    const direct = async (): Promise<CallResult['status']> =>
      (await agent.http({ url: 'http://10.66.2.2:8080/' })).status;
    expect(await direct()).toBe(200);
    const pods = { kind: 'Pod', selector: { matchLabels: { app: 'client' } } };
    await apply('web/tls', pods, { mode: 'Mesh' });
    await eventually('a refusal', async () => ((await direct()) === 503 ? true : undefined));
  });
});
