/** Claim: every pod of a server is replaced under load, and no request fails. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { LoadResult, Mesh } from '../../../demo/rig/index.js';
import { lingerPath } from '../../../src/model/index.js';
import { claim, milliseconds } from '../../kit/claim.js';
import { createDeployment, type Deployment, type Ended } from '../../kit/deployment.js';
import { eventually } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const url = 'http://api.shop/';
const replicas = 3;
/** The API server tells the kubelet and the control plane; the EndpointSlice controller is later. */
const kubernetes = { kubeletMs: 20, sliceMs: 800, sidecarMs: 300, graceMs: 30_000 };
/** The hook that the injection adds. */
const preStop = lingerPath;

let mesh: Mesh;
let api: Deployment;

beforeAll(async () => {
  mesh = await startSuiteMesh({ suite: import.meta.url, base: 'own', accessLog: 'Errors' });
  api = createDeployment(mesh, {
    key: 'shop/api',
    network: '10.66.9',
    app: 'graceful-server',
    port: { name: 'http', port: 8080 },
  });
  for (let replica = 0; replica < replicas; replica += 1) await api.add();
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

interface Load {
  readonly method: string;
  readonly path: string;
}

/** Makes these calls over kept-alive connections while `task` runs. */
async function underLoad(
  loads: readonly Load[],
  task: () => Promise<void>,
): Promise<readonly LoadResult[]> {
  const running = await Promise.all(
    loads.map(async ({ method, path }) => {
      const agent = await mesh.pod('web/client').startAgent();
      const call = { url: new URL(path, url).href, method, timeoutMs: 15_000 };
      return await agent.startLoad({ ...call, concurrency: 6 });
    }),
  );
  await task();
  return await Promise.all(running.map((load) => load.stop()));
}

/** When the app saw its last request, after the deletion of its pod. */
function lastRequestMs({ log, deletedAtMs }: Ended): number {
  const at = Number(/"event":"ending".*"lastRequestAtMs":(\d+)/.exec(log)?.[1]);
  return at - deletedAtMs;
}

test('no request fails while every pod is replaced', async () => {
  const loads = [
    { method: 'GET', path: '/' },
    { method: 'POST', path: '/' },
    { method: 'POST', path: '/delay/300' },
    // Under way from before the deletion until after the hook, and longer than listeners drain.
    { method: 'GET', path: '/delay/4000' },
  ];
  const ended: Ended[] = [];
  const results = await underLoad(loads, async () => {
    for (let round = 0; round < replicas + 1; round += 1) {
      await api.add();
      ended.push(await api.remove({ ...kubernetes, preStop }));
    }
  });
  const total = results.reduce((sum, result) => sum + result.total, 0);
  expect(results.map(({ errors }) => errors)).toEqual(loads.map(() => ({})));
  expect(results.map(({ statuses }) => Object.keys(statuses))).toEqual(loads.map(() => ['200']));
  expect(ended.map(({ wasKilled }) => wasKilled)).toEqual(ended.map(() => false));
  claim('rolling', `failed of ${total} requests while ${ended.length} pods were replaced:`, 0);
  const lastMs = Math.max(...ended.map(lastRequestMs));
  claim('rolling', 'last request to a deleted pod after', milliseconds(lastMs));
  // Well before the EndpointSlice said so, and the app was told.
  expect(lastMs).toBeLessThan(kubernetes.sliceMs);
});

test('an app that is told at once, without the hook, fails no request that may be sent again', async () => {
  const loads = [
    { method: 'GET', path: '/' },
    { method: 'GET', path: '/delay/300' },
  ];
  const results = await underLoad(loads, async () => {
    for (let round = 0; round < replicas + 1; round += 1) {
      await api.add();
      await api.remove({ ...kubernetes, kubeletMs: 0 });
    }
  });
  expect(results.map(({ errors }) => errors)).toEqual(loads.map(() => ({})));
  expect(results.map(({ statuses }) => Object.keys(statuses))).toEqual(loads.map(() => ['200']));
});

test('a caller without a sidecar is asked to go as soon as the pod is deleted', async () => {
  await api.add();
  const { ip } = mesh.pod(api.oldest()).manifest;
  const call = { url: `http://${ip}:8080/`, group: 'kept' };
  expect((await mesh.prober.http(call)).headers['connection']).not.toBe('close');
  const startedAt = performance.now();
  const removed = api.remove({ ...kubernetes, preStop });
  await eventually('connection: close', async () => {
    const { status, headers } = await mesh.prober.http(call);
    expect(status).toBe(200);
    return headers['connection'] === 'close' ? true : undefined;
  });
  const afterMs = performance.now() - startedAt;
  claim('rolling', 'plaintext callers are asked to go after', milliseconds(afterMs));
  expect(afterMs).toBeLessThan(kubernetes.sliceMs);
  await removed;
});
