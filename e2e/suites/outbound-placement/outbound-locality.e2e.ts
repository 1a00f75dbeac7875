/** Claim: `outbound.loadBalancing.locality` keeps calls in the caller's zone while that can bear them, without a failure at the switch. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Mesh } from '../../../demo/rig/index.js';
import { claim } from '../../kit/claim.js';
import { manifest } from '../../kit/manifest.js';
import { eventually } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';
import {
  allServers,
  answering,
  callsOf,
  setOutbound,
  setReady,
  underLoad,
  untilAnswered,
} from './placement.js';

const preferZone = { loadBalancing: { locality: 'PreferZone' } };
const strict = { loadBalancing: { locality: 'Strict' } };

let mesh: Mesh;

beforeAll(async () => {
  mesh = await startSuiteMesh({ suite: import.meta.url, base: 'own' });
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

beforeEach(async () => {
  await setReady(mesh, allServers);
  await untilAnswered(mesh, 'client-a', allServers);
});

afterEach(async () => {
  await setOutbound(mesh, undefined);
});

function node(name: string, zone: string): object {
  const labels = { 'topology.kubernetes.io/zone': zone };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } };
}

function catalog(spec: object): object {
  const ports = [{ name: 'http', port: 80, targetPort: 8080, appProtocol: 'http' }];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'catalog', namespace: 'shop' },
    spec: { clusterIP: '10.96.2.1', clusterIPs: ['10.96.2.1'], ports, ...spec },
  };
}

test('without a policy every zone gets calls', async () => {
  await untilAnswered(mesh, 'client-b', allServers);
});

describe('PreferZone', () => {
  test('each caller’s calls stay in its zone, and those of one without a zone go everywhere', async () => {
    await setOutbound(mesh, preferZone);
    await untilAnswered(mesh, 'client-a', ['a1', 'a2']);
    await untilAnswered(mesh, 'client-b', ['b1']);
    await untilAnswered(mesh, 'lost', allServers);
    const { stdout } = await mesh.controlPlane().skerry(['validate', '-f', mesh.directory]);
    expect(stdout).toContain('the zone of the Node is not known of web/lost');
    claim('outbound-placement', 'of 200 calls from zone a, answered in another:', 0);
    expect(answering(await callsOf(mesh, 'client-a', { total: 200 }))).toEqual(['a1', 'a2']);
  });

  test('a zone is drained and comes back under load: calls spill over by its health, and none fails', async () => {
    await setOutbound(mesh, preferZone);
    await untilAnswered(mesh, 'client-a', ['a1', 'a2']);
    const shares: number[] = [];
    const result = await underLoad(mesh, 'client-a', async () => {
      for (let round = 0; round < 3; round += 1) {
        await setReady(mesh, ['a1', 'b1']);
        await untilAnswered(mesh, 'client-a', ['a1', 'b1']);
        const { versions } = await callsOf(mesh, 'client-a', { total: 1000 });
        shares.push((versions['a1'] ?? 0) / 1000);
        await setReady(mesh, ['b1']);
        await untilAnswered(mesh, 'client-a', ['b1']);
        await setReady(mesh, allServers);
        await untilAnswered(mesh, 'client-a', ['a1', 'a2']);
      }
    });
    expect(result.errors).toEqual({});
    expect(Object.keys(result.statuses)).toEqual(['200']);
    // Half of the zone bears 1.4 times its half.
    for (const share of shares) expect(share).toBeCloseTo(0.7, 1);
    claim('outbound-placement', 'calls during 9 switches of zones:', result.total);
    claim('outbound-placement', 'of these failed:', 0);
  });

  test('endpoints that are left out as outliers count too', async () => {
    await setOutbound(mesh, {
      ...preferZone,
      outlierDetection: {
        consecutive5xx: 2,
        interval: '300ms',
        baseEjection: '60s',
        maxEjectedPercent: 100,
      },
    });
    await untilAnswered(mesh, 'client-a', ['a1', 'a2']);
    for (const name of ['a1', 'a2']) {
      await callsOf(mesh, 'client-a', { path: `only/${name}/503`, total: 40 });
    }
    await untilAnswered(mesh, 'client-a', ['b1']);
  });

  test('explain says which group gets the calls', async () => {
    await setOutbound(mesh, preferZone);
    const call = ['explain', 'web/client-a', 'catalog.shop:80', 'GET', '/'];
    const { stdout } = await mesh.controlPlane().skerry([...call, '-f', mesh.directory]);
    const text = stdout.replaceAll(/ +/g, ' ');
    expect(text).toContain('zone a: 2 of 2 endpoints ready, 100 % of the calls');
    expect(text).toContain('other zones: 1 of 1 endpoints ready, no call');
    expect(text).toContain('TrafficPolicy shop/catalog spec.outbound.loadBalancing.locality');
  });

  test('a sidecar whose Node is given another zone follows it', async () => {
    await setOutbound(mesh, preferZone);
    await untilAnswered(mesh, 'client-a', ['a1', 'a2']);
    try {
      await mesh.writeManifest('05-nodes.yaml', manifest(node('node-a', 'b'), node('node-b', 'b')));
      await untilAnswered(mesh, 'client-a', ['b1']);
    } finally {
      await mesh.writeManifest('05-nodes.yaml', manifest(node('node-a', 'a'), node('node-b', 'b')));
    }
    await untilAnswered(mesh, 'client-a', ['a1', 'a2']);
  });
});

describe('Strict', () => {
  test('calls never leave the zone, even when it has nobody', async () => {
    await setOutbound(mesh, strict);
    await untilAnswered(mesh, 'client-b', ['b1']);
    await setReady(mesh, ['a1', 'a2']);
    const { statuses, versions } = await eventually('refused calls', async () => {
      const result = await callsOf(mesh, 'client-b');
      return result.statuses[503] === result.total ? result : undefined;
    });
    expect(Object.keys(statuses)).toEqual(['503']);
    expect(versions).toEqual({});
    await untilAnswered(mesh, 'client-a', ['a1', 'a2']);
  });
});

test('a Service’s trafficDistribution asks for the zone, and a policy’s word counts before it', async () => {
  const file = '20-catalog.yaml';
  try {
    await mesh.writeManifest(file, manifest(catalog({ trafficDistribution: 'PreferClose' })));
    await untilAnswered(mesh, 'client-a', ['a1', 'a2']);
    await setOutbound(mesh, { loadBalancing: { locality: 'None' } });
    await untilAnswered(mesh, 'client-a', allServers);
  } finally {
    await mesh.writeManifest(file, manifest(catalog({})));
  }
});
