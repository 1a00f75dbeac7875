/** Claim: random changes of policies under load fail no request that the policies do not ask to fail. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Agent, LoadResult, Mesh } from '../../../demo/rig/index.js';
import { claim, milliseconds } from '../../kit/claim.js';
import { untilSettled } from '../../kit/control-plane.js';
import { eventually, stat } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';
import { firstFiles, randomChanges } from './changes.js';

const url = 'http://reviews.b/items/1';
const caller = 'a/frontend';
/** `SKERRY_CHANGES=100 SKERRY_REQUESTS=100000` is the whole form. */
const changes = Number(process.env['SKERRY_CHANGES'] ?? 24);
const requests = Number(process.env['SKERRY_REQUESTS'] ?? 5_000);
const seed = Number(process.env['SKERRY_SEED'] ?? 6);

let mesh: Mesh;
let observer: Agent;

beforeAll(async () => {
  mesh = await startSuiteMesh({
    suite: import.meta.url,
    accessLog: 'Errors',
    pods: [caller, 'b/reviews-v1', 'b/reviews-v2'],
  });
  observer = await mesh.agent(caller);
  // From here on the suite writes these Services' endpoints: of two definitions the first holds.
  for (const { file, text } of firstFiles) await mesh.writeManifest(file, text);
  const text = await readFile(join(mesh.directory, '20-b.yaml'), 'utf8');
  const documents = text.split('---\n').filter((one) => !/name: reviews(-v2)?-1\n/.test(one));
  await mesh.writeManifest('20-b.yaml', documents.join('---\n'));
  await mesh.writeManifest('50-policies.yaml', undefined);
  await untilSettled(mesh);
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const loads = [
  { method: 'GET' },
  { method: 'POST' },
  { method: 'GET', headers: { 'x-user': 'beta' } },
  { method: 'POST', headers: { cookie: 'theme=dark; group=b' } },
] as const;

/** Loads of all kinds at once, each over connections of its own. */
async function startLoads(): Promise<() => Promise<readonly LoadResult[]>> {
  const running = await Promise.all(
    loads.map(async (load) => {
      const agent = await mesh.pod(caller).startAgent();
      return await agent.startLoad({ url, timeoutMs: 15_000, concurrency: 4, ...load });
    }),
  );
  return () => Promise.all(running.map((load) => load.stop()));
}

test(
  'no request fails while policies, Services and endpoints change at random',
  async () => {
    const stop = await startLoads();
    let marks = 0;
    for (const { file, text, what, mark, restMs } of randomChanges(changes, seed)) {
      await mesh.writeManifest(file, text);
      if (mark !== undefined) {
        marks += 1;
        await eventually(`${what} in force`, async () => {
          const { headers } = await observer.http({ url, group: 'observer' });
          return headers['x-change'] === mark ? true : undefined;
        });
      }
      await wait(restMs);
    }
    await untilSettled(mesh);
    await untilEnough();
    const results = await stop();
    const total = results.reduce((sum, one) => sum + one.total, 0);
    expect(results.map(({ errors }) => errors)).toEqual(loads.map(() => ({})));
    expect(results.map(({ statuses }) => Object.keys(statuses))).toEqual(loads.map(() => ['200']));
    expect(marks).toBeGreaterThan(0);
    expect(total).toBeGreaterThanOrEqual(requests);
    claim('random-changes', `failed of ${total} requests during ${changes} random changes:`, 0);
    const worst = Math.max(...results.map(({ maxMs }) => maxMs));
    claim('random-changes', 'the slowest took', milliseconds(worst));
  },
  30 * 60_000,
);

/** Lets the loads reach their number. */
async function untilEnough(): Promise<void> {
  await eventually(
    `${requests} requests`,
    async () => {
      const count = await stat(mesh, caller, 'http.outbound_http.downstream_rq_total');
      return count >= requests ? true : undefined;
    },
    20 * 60_000,
  );
}
