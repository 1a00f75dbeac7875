/** Claim: 10,000 requests during 20 route changes, 10 endpoint changes and a rotation of certificates, and none fails. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Agent, Mesh } from '../../../demo/rig/index.js';
import { claim, since } from '../../kit/claim.js';
import { endpointSlice, manifest, trafficPolicy } from '../../kit/manifest.js';
import { certificateSerial, eventually, sidecarOf } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const url = 'http://reviews.b/';
const routeChanges = 20;
const endpointChanges = 10;
const requests = 10_000;
/** Renewed at half of it, so within the run. */
const svidTtlSeconds = 30;
/** Between changes, so that requests meet each of them. */
const paceMs = 400;
const v1 = '10.66.2.1';
const v2 = '10.66.2.2';

let mesh: Mesh;
let observer: Agent;

beforeAll(async () => {
  mesh = await startSuiteMesh({
    suite: import.meta.url,
    accessLog: 'Errors',
    pods: ['a/frontend', 'b/reviews-v1', 'b/reviews-v2'],
    controllerArgs: ['--svid-ttl', `${svidTtlSeconds}`],
  });
  observer = await mesh.agent('a/frontend');
  // From here on the suite writes the Service's endpoints: of two definitions the first holds.
  await changeRoute(0);
  await changeEndpoints(1);
  const text = await readFile(join(mesh.directory, '20-b.yaml'), 'utf8');
  const documents = text.split('---\n').filter((one) => !one.includes('name: reviews-1\n'));
  await mesh.writeManifest('20-b.yaml', documents.join('---\n'));
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The change number stands in a header of every response, so that it can be seen when it is in force. */
async function changeRoute(change: number): Promise<void> {
  const weight = 10 + (change % 5) * 20;
  await mesh.writeManifest(
    '60-route.yaml',
    manifest(
      trafficPolicy('b/reviews', {
        targetRefs: [{ kind: 'Service', name: 'reviews' }],
        routes: [
          {
            name: 'split',
            backends: [
              { service: 'reviews', weight },
              { service: 'reviews-v2', port: 80, weight: 100 - weight },
            ],
            responseHeaders: { set: { 'x-change': `${change}` } },
          },
        ],
      }),
    ),
  );
  await eventually(`route change ${change}`, async () => {
    const { headers } = await observer.http({ url, group: 'observer' });
    return headers['x-change'] === `${change}` ? true : undefined;
  });
}

async function changeEndpoints(change: number): Promise<void> {
  const ips = change % 2 === 0 ? [v1] : [v1, v2];
  await mesh.writeManifest(
    '61-reviews-endpoints.yaml',
    manifest(
      endpointSlice({
        service: 'b/reviews',
        port: { name: 'http', port: 8080 },
        endpoints: ips.map((ip) => ({ ip })),
      }),
    ),
  );
  await eventually(`endpoint change ${change}`, async () => {
    await observer.http({ url, group: 'observer' });
    const hosts = await hostsOfReviews();
    return hosts.size === ips.length && ips.every((ip) => hosts.has(ip)) ? true : undefined;
  });
}

/** What the caller's sidecar knows of the Service's endpoints. */
async function hostsOfReviews(): Promise<ReadonlySet<string>> {
  const text = await sidecarOf(mesh, 'a/frontend').admin('/clusters');
  const found = [...text.matchAll(/^http\|10\.96\.2\.1:80::(10\.66\.2\.\d):8080::/gm)];
  return new Set(found.map(([, ip]) => ip ?? ''));
}

test('no request fails while routes, endpoints and certificates change', async () => {
  const workloads = ['a/frontend', 'b/reviews-v1'];
  const serials = async (): Promise<readonly string[]> =>
    await Promise.all(workloads.map((key) => certificateSerial(mesh, key)));
  const original = await serials();
  const loader = await mesh.pod('a/frontend').startAgent();
  const startedAt = performance.now();
  const load = await loader.startLoad({ url, concurrency: 12, timeoutMs: 10_000 });
  for (let change = 1; change <= routeChanges; change += 1) {
    await changeRoute(change);
    if (change % 2 === 0) await changeEndpoints(change / 2);
    await wait(paceMs);
  }
  const changedAfter = since(startedAt);
  await eventually(
    'new certificates',
    async () => {
      const now = await serials();
      return now.every((serial, index) => serial !== original[index]) ? true : undefined;
    },
    svidTtlSeconds * 1000,
  );
  const result = await loadOf(load, startedAt);
  expect(result.errors).toEqual({});
  expect(result.statuses).toEqual({ '200': result.total });
  expect(result.total).toBeGreaterThanOrEqual(requests);
  claim(
    'change-under-load',
    `failed of ${result.total} requests during ${routeChanges} route changes, ${endpointChanges} endpoint changes and a rotation of both certificates:`,
    0,
  );
  claim('change-under-load', 'all changes made and seen within', changedAfter);
  claim(
    'change-under-load',
    'median and worst request under load',
    `${result.medianMs.toFixed(1)} ms, ${result.maxMs.toFixed(1)} ms`,
  );
});

/** Lets the load reach its number, which a slow machine may not have done yet. */
async function loadOf(
  load: { stop(): ReturnType<Agent['load']> },
  startedAt: number,
): ReturnType<Agent['load']> {
  const leastMs = 20_000;
  const restMs = leastMs - (performance.now() - startedAt);
  if (restMs > 0) await wait(restMs);
  return await load.stop();
}
