/** Claim: `outbound.loadBalancing.failover`: Services stand in for one whose endpoints run out, with identities of their own, and no call fails at the switch. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Mesh } from '../../../demo/rig/index.js';
import { claim } from '../../kit/claim.js';
import { endpointSlice, manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';
import {
  allServers,
  callsOf,
  setOutbound,
  setReady,
  underLoad,
  untilAnswered,
} from './placement.js';

const failover = [
  { service: 'not-there-yet' },
  { service: 'catalog-dr', namespace: 'spare', port: 8000 },
];
const slices = '31-catalog-dr-slice.yaml';

let mesh: Mesh;

beforeAll(async () => {
  mesh = await startSuiteMesh({
    suite: import.meta.url,
    base: 'own',
    pods: ['web/client-a', 'shop/a1', 'shop/a2', 'shop/b1', 'spare/dr'],
  });
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

beforeEach(async () => {
  await setReady(mesh, allServers);
  await setSpare({ ready: true });
  await untilAnswered(mesh, 'client-a', allServers);
});

afterEach(async () => {
  await setOutbound(mesh, undefined);
  await mesh.writeManifest('51-policy.yaml', undefined);
});

async function setSpare(conditions: { readonly ready: boolean }): Promise<void> {
  const port = { name: 'web', port: 8080 };
  const endpoints = [{ ip: '10.66.3.1', zone: 'b', conditions }];
  const slice = endpointSlice({ service: 'spare/catalog-dr', port, endpoints });
  await mesh.writeManifest(slices, manifest(slice));
}

/** Every workload takes mesh TLS from those alone who prove who they are. */
async function demandTls(): Promise<void> {
  const policy = trafficPolicy('skerry-system/strict', {
    targetRefs: [{ kind: 'Mesh' }],
    inbound: { mtls: { mode: 'Strict' } },
  });
  await mesh.writeManifest('51-policy.yaml', manifest(policy));
}

async function untilRefused(): Promise<void> {
  await eventually('refused calls', async () => {
    const { statuses, total } = await callsOf(mesh, 'client-a');
    return statuses[503] === total ? true : undefined;
  });
}

test('without a policy nobody stands in', async () => {
  await setReady(mesh, []);
  await untilRefused();
});

test('a Service is drained and comes back under load: another stands in by mutual TLS, and no call fails', async () => {
  await demandTls();
  await setOutbound(mesh, { loadBalancing: { failover } });
  const { stdout } = await mesh.controlPlane().skerry(['validate', '-f', mesh.directory]);
  expect(stdout).toContain('there is no Service shop/not-there-yet');
  const result = await underLoad(mesh, 'client-a', async () => {
    for (let round = 0; round < 3; round += 1) {
      await setReady(mesh, ['a1']);
      // One of three bears 46 % of the calls.
      await untilAnswered(mesh, 'client-a', ['a1', 'dr']);
      await setReady(mesh, []);
      await untilAnswered(mesh, 'client-a', ['dr']);
      await setReady(mesh, allServers);
      await untilAnswered(mesh, 'client-a', allServers);
    }
  });
  expect(result.errors).toEqual({});
  expect(Object.keys(result.statuses)).toEqual(['200']);
  claim('outbound-placement', 'calls during 9 switches between Services:', result.total);
  claim('outbound-placement', 'of these failed:', 0);
});

test('explain says who stands in, and whom it must prove to be', async () => {
  await demandTls();
  await setOutbound(mesh, { loadBalancing: { failover } });
  await setReady(mesh, []);
  await untilAnswered(mesh, 'client-a', ['dr']);
  const agent = await mesh.agent('web/client-a');
  const { body } = await agent.http({ url: 'http://catalog.shop/', timeoutMs: 5_000 });
  expect(body).toContain('URI=spiffe://cluster.local/ns/web/sa/client');
  const call = ['explain', 'web/client-a', 'catalog.shop:80', 'GET', '/'];
  const { stdout } = await mesh.controlPlane().skerry([...call, '-f', mesh.directory]);
  const text = stdout.replaceAll(/\s+/g, ' ');
  expect(text).toContain('Service shop/catalog: 0 of 3 endpoints ready, no call');
  expect(text).toContain('Service spare/catalog-dr: 1 of 1 endpoints ready, 100 % of the calls');
  expect(text).toContain('must prove spiffe://cluster.local/ns/spare/sa/catalog-dr');
});

test('a Service whose endpoints are all left out as outliers', async () => {
  const outlierDetection = { consecutive5xx: 2, interval: '300ms', baseEjection: '60s' };
  await setOutbound(mesh, { loadBalancing: { failover }, outlierDetection });
  for (const name of allServers) {
    await callsOf(mesh, 'client-a', { path: `only/${name}/503`, total: 60 });
  }
  await untilAnswered(mesh, 'client-a', ['dr']);
});

test('with zones: own zone, other zones, and then who stands in; a cycle does no harm', async () => {
  const back = trafficPolicy('spare/back', {
    targetRefs: [{ kind: 'Service', name: 'catalog-dr' }],
    outbound: {
      loadBalancing: { failover: [{ service: 'catalog', namespace: 'shop', port: 80 }] },
    },
  });
  await mesh.writeManifest('51-policy.yaml', manifest(back));
  await setOutbound(mesh, { loadBalancing: { locality: 'PreferZone', failover } });
  await untilAnswered(mesh, 'client-a', ['a1', 'a2']);
  await setReady(mesh, ['b1']);
  await untilAnswered(mesh, 'client-a', ['b1']);
  await setReady(mesh, []);
  await untilAnswered(mesh, 'client-a', ['dr']);
  await setSpare({ ready: false });
  await untilRefused();
});
