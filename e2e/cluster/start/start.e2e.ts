/** Measures the time from `kubectl apply` of a pod to the first request that it answers, with a sidecar and without. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Agent } from '../../../demo/rig/index.js';
import { claim, milliseconds } from '../../kit/claim.js';
import { appPod, appService } from '../../kit/cluster/objects.js';
import { openSuite } from '../../kit/cluster/suite.js';

const suite = openSuite(import.meta.url);
const rounds = 10;

beforeAll(() => suite.start());
afterAll(() => suite.stop());

/** Milliseconds until a pod that is applied now answers a caller of its namespace by its Service. */
async function startOnce(caller: Agent, key: string, peer: string | null): Promise<number> {
  await suite.apply(appService(key));
  const url = `http://${key.split('/')[1] ?? ''}/`;
  const startedAt = performance.now();
  await suite.apply(appPod(key));
  for (;;) {
    const result = await caller.http({ url, timeoutMs: 1_000 });
    if (result.status === 200) {
      expect(result.peerSpiffeId).toBe(peer);
      break;
    }
    expect(performance.now() - startedAt).toBeLessThan(60_000);
  }
  return performance.now() - startedAt;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return ((sorted[(sorted.length - 1) >> 1] ?? 0) + (sorted[sorted.length >> 1] ?? 0)) / 2;
}

test('a pod of the mesh answers its first request seconds after kubectl apply', async () => {
  const meshed: number[] = [];
  const plain: number[] = [];
  const [inside, outside] = [
    await suite.caller('start', 'caller'),
    await suite.caller('start-plain', 'caller'),
  ];
  const identity = 'spiffe://cluster.local/ns/start/sa/default';
  // By turns, so that both see the same machine.
  for (let round = 0; round < rounds; round += 1) {
    meshed.push(await startOnce(inside, `start/fresh-${round}`, identity));
    plain.push(await startOnce(outside, `start-plain/fresh-${round}`, null));
  }
  claim(
    'start',
    'first meshed request after kubectl apply, median of 10:',
    milliseconds(median(meshed)),
  );
  claim('start', 'first request without a mesh, median of 10:', milliseconds(median(plain)));
}, 600_000);
