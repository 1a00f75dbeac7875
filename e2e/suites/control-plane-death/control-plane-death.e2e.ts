/** Claim: kill -9 of the control plane loses no request, and after its restart nothing that is unchanged is sent again. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ProxyView } from '../../../src/admin/index.js';
import type { LoadResult, Mesh } from '../../../demo/rig/index.js';
import { claim, milliseconds, since } from '../../kit/claim.js';
import { proxies, untilSettled } from '../../kit/control-plane.js';
import { certificateSerial } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const awayMs = 5_000;
/** Envoy waits up to 30 s between attempts to reconnect. */
const reconnectMs = 45_000;
const meshed = ['a/frontend', 'b/reviews-v1', 'b/reviews-v2', 'b/greeter', 'c/ratings', 'c/ledger'];

let mesh: Mesh;

beforeAll(async () => {
  mesh = await startSuiteMesh({ suite: import.meta.url, accessLog: 'Errors', pods: meshed });
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Bodies sent, by type, over all streams. */
function bodiesByType(views: readonly ProxyView[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { type, bodiesSent } of views.flatMap(({ resources }) => resources)) {
    sums[type] = (sums[type] ?? 0) + bodiesSent;
  }
  return sums;
}

/** Calls of every kind, each over a new connection. */
async function callEverything(): Promise<readonly unknown[]> {
  const frontend = await mesh.agent('a/frontend');
  const reviews = await mesh.agent('b/reviews-v1');
  return [
    (await frontend.http({ url: 'http://reviews.b/' })).status,
    (await frontend.grpc({ target: 'greeter.b:50051' })).status,
    (await reviews.http({ url: 'http://ratings.c:8080/' })).status,
    (await reviews.tcp({ host: 'ledger.c', port: 7000, send: 'hello', expectBytes: 5 })).body,
    (await frontend.http({ url: 'http://ratings.c:8080/' })).status,
  ];
}

const everything = [200, 'OK', 200, 'hello', 403];

function expectNoFailure({ errors, statuses, total }: LoadResult): void {
  expect(errors).toEqual({});
  expect(statuses).toEqual({ '200': total });
}

test('no request fails, all sidecars return, and no resource is sent again', async () => {
  expect(await callEverything()).toEqual(everything);
  const before = await untilSettled(mesh);
  // The count that is compared with nought counts something.
  expect(Object.values(bodiesByType(before)).every((count) => count > 0)).toBe(true);
  const serials = await Promise.all(meshed.map((key) => certificateSerial(mesh, key)));
  const loads = await Promise.all([
    startLoad('a/frontend', 'http://reviews.b/'),
    startLoad('b/reviews-v1', 'http://ratings.c:8080/'),
  ]);

  await wait(1_000);
  await mesh.controlPlane().kill();
  await wait(awayMs);
  expect(await callEverything()).toEqual(everything);
  const restartedAt = performance.now();
  await mesh.controlPlane().start();
  const listening = since(restartedAt);
  await untilSettled(mesh, reconnectMs);
  const returned = since(restartedAt);
  // What would be sent late is sent by now.
  await wait(2_000);
  const results = await Promise.all(loads.map((load) => load.stop()));
  results.forEach(expectNoFailure);
  expect(await callEverything()).toEqual(everything);

  const after = await proxies(mesh.controlPlane());
  expect(after.map(({ name }) => name).toSorted()).toEqual(meshed.toSorted());
  const types = Object.keys(bodiesByType(before));
  expect(bodiesByType(after)).toEqual(Object.fromEntries(types.map((type) => [type, 0])));
  expect(await Promise.all(meshed.map((key) => certificateSerial(mesh, key)))).toEqual(serials);

  const total = results.reduce((sum, result) => sum + result.total, 0);
  const worst = Math.max(...results.map(({ maxMs }) => maxMs));
  claim(
    'control-plane-death',
    `failed of ${total} requests with the control plane away for ${milliseconds(awayMs)}:`,
    0,
  );
  claim('control-plane-death', 'worst request', milliseconds(worst));
  claim(
    'control-plane-death',
    'start to listening, to all sidecars settled',
    `${listening}, ${returned}`,
  );
  claim(
    'control-plane-death',
    `resource bodies sent to ${meshed.length} sidecars before (${Object.values(bodiesByType(before)).reduce((sum, count) => sum + count, 0)}) and after the restart:`,
    0,
  );
});

async function startLoad(key: string, url: string): Promise<{ stop(): Promise<LoadResult> }> {
  const agent = await mesh.pod(key).startAgent();
  return await agent.startLoad({ url, concurrency: 4, requestsPerSecond: 200 });
}
