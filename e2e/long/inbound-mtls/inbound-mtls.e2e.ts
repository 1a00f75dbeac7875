/** Claim: `inbound.mtls` holds port by port, of one port by the Service’s name for it, and a floor is not lowered. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { CallResult, Mesh } from '../../../demo/rig/index.js';
import { manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const identity = 'spiffe://cluster.local/ns/web/sa/client';
const pods = [{ kind: 'Pod', selector: { matchLabels: { app: 'catalog' } } }];
/** By the pod’s own address, so that no sidecar but the server’s has a say. */
const [http, reports] = ['10.66.2.1:8080', '10.66.2.1:9090'];
const files = ['50-mesh.yaml', '60-near.yaml'] as const;

let mesh: Mesh;

beforeAll(async () => {
  mesh = await startSuiteMesh({ suite: import.meta.url, base: 'own' });
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

afterEach(async () => {
  for (const file of files) await mesh.writeManifest(file, undefined);
  await untilPlaintext(['answered', 'answered']);
});

async function call(from: string, host: string): Promise<CallResult> {
  return await (await mesh.agent(from)).http({ url: `http://${host}/`, timeoutMs: 5_000 });
}

/** How plaintext fares at a port: who is refused meets a closed connection, and never a status. */
type Answer = 'answered' | 'refused' | 'something else';

function answerOf({ status }: CallResult): Answer {
  if (status === 200) return 'answered';
  return status === null ? 'refused' : 'something else';
}

/** At both ports. */
async function plaintext(): Promise<readonly Answer[]> {
  const results = await Promise.all([http, reports].map((host) => call('outside/legacy', host)));
  return results.map(answerOf);
}

async function untilPlaintext(expected: readonly Answer[]): Promise<void> {
  await eventually(`plaintext ${expected.join(' and ')}`, async () => {
    const found = await plaintext();
    return found.every((each, index) => each === expected[index]) ? true : undefined;
  });
  expect(await plaintext()).toEqual(expected);
}

/** Whom the server sees where the caller in the mesh calls its two ports through the Service. */
async function identitiesSeen(): Promise<readonly (string | null)[]> {
  const results = await Promise.all(
    ['catalog.shop:80', 'catalog.shop:90'].map((host) => call('web/client', host)),
  );
  expect(results.map(({ status }) => status)).toEqual([200, 200]);
  return results.map(({ peerSpiffeId }) => peerSpiffeId);
}

/** A connection made under the former policy is used until the server has closed it, seconds later. */
async function untilIdentities(expected: readonly (string | null)[]): Promise<void> {
  await eventually('whom the server is to see', async () => {
    const found = await identitiesSeen();
    return found.every((each, index) => each === expected[index]) ? true : undefined;
  });
}

async function apply(key: string, targetRefs: readonly object[], mtls: object): Promise<void> {
  const file = key.startsWith('skerry-system/') ? files[0] : files[1];
  await mesh.writeManifest(file, manifest(trafficPolicy(key, { targetRefs, inbound: { mtls } })));
}

describe('ports', () => {
  test('one port is Strict and the others are not', async () => {
    await apply('shop/near', pods, { mode: 'Permissive', ports: { '9090': 'Strict' } });
    await untilPlaintext(['answered', 'refused']);
    await untilIdentities([identity, identity]);
  });

  test('one port is open and the others are Strict', async () => {
    await apply('shop/near', pods, { mode: 'Strict', ports: { '9090': 'Permissive' } });
    await untilPlaintext(['refused', 'answered']);
    await untilIdentities([identity, identity]);
  });

  test('a Disabled port is called in plaintext, by callers in the mesh too', async () => {
    await apply('shop/near', pods, { mode: 'Strict', ports: { '9090': 'Disabled' } });
    await untilPlaintext(['refused', 'answered']);
    await untilIdentities([identity, null]);
    const { stdout } = await mesh
      .controlPlane()
      .skerry(['explain', 'web/client', 'catalog.shop:90', 'GET', '/', '-f', mesh.directory]);
    expect(stdout.replaceAll(/ +/g, ' ')).toContain(
      `plaintext to ${reports}, where mTLS is Disabled TrafficPolicy shop/near spec.inbound.mtls`,
    );
  });
});

describe('sectionName', () => {
  test('one port of a Service, by its name, and no other', async () => {
    await apply('shop/near', [{ kind: 'Service', name: 'catalog', sectionName: 'reports' }], {
      mode: 'Strict',
    });
    await untilPlaintext(['answered', 'refused']);
    await apply('shop/near', [{ kind: 'Service', name: 'catalog', sectionName: 'http' }], {
      mode: 'Strict',
    });
    await untilPlaintext(['refused', 'answered']);
  });
});

describe('floor', () => {
  const wholeMesh = [{ kind: 'Mesh' }];

  test.each([
    ['the workload’s own policy', pods, { mode: 'Permissive' }],
    ['its namespace', [{ kind: 'Namespace' }], { mode: 'Disabled' }],
    ['a policy by port', pods, { ports: { '8080': 'Permissive', '9090': 'Disabled' } }],
  ])('is not lowered by %s, which without a floor is', async (_what, targets, lowered) => {
    await apply('shop/near', targets, lowered);
    await apply('skerry-system/mesh', wholeMesh, { mode: 'Strict' });
    // Strict where nothing nearer speaks: the callers’ own sidecar is under the same policy.
    await untilPlaintext(['answered', 'answered']);
    await apply('skerry-system/mesh', wholeMesh, { mode: 'Strict', floor: true });
    await untilPlaintext(['refused', 'refused']);
    await untilIdentities([identity, identity]);
    const { stdout } = await mesh.controlPlane().skerry(['validate', '-f', mesh.directory]);
    expect(stdout).toContain('TrafficPolicy skerry-system/mesh has Strict with floor: true');
  });
});
