/** How fast statuses follow when very many policies change at once, beside a real API server. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../test-kit.js';
import { install, type Installed } from '../testing/installed.js';
import { makeWorkloads, type PolicyView, type Workloads } from '../testing/workloads.js';

let installed: Installed;
let space: Workloads;
/** `SKERRY_POLICIES=1000` for the figure in docs/claims.md. */
const count = Number(process.env['SKERRY_POLICIES'] ?? 300);

beforeAll(async () => {
  installed = await install();
  await installed.startReplica('one');
  space = await makeWorkloads(installed, 'pace');
}, 120_000);

afterAll(async () => {
  await installed.stop();
}, 60_000);

async function changeAll(mode: string): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `p${String(index)}`);
  const spec = {
    targetRefs: [{ kind: 'Pod', selector: { matchLabels: { app: 'none' } } }],
    inbound: { mtls: { mode } },
  };
  while (names.length > 0) {
    await Promise.all(names.splice(0, 50).map((name) => space.policy(name, spec)));
  }
}

async function behind(generation: number): Promise<number> {
  const { items } = (await installed.client.send({
    ...{ method: 'GET', timeoutMs: 30_000 },
    path: '/apis/skerry.dev/v1alpha1/namespaces/pace/trafficpolicies',
  })) as { readonly items: readonly PolicyView[] };
  const told = items.filter(({ status }) => status?.observedGeneration === generation).length;
  return count - told;
}

/** Status writes by their second since the first. */
async function pace(sinceMs: number): Promise<readonly number[]> {
  const writes = (await installed.audited()).filter(
    ({ verb, resource, atMs }) =>
      verb === 'patch' && resource === 'trafficpolicies/status' && atMs >= sinceMs,
  );
  const firstMs = Math.min(...writes.map(({ atMs }) => atMs));
  const seconds = new Map<number, number>();
  for (const { atMs } of writes) {
    const second = Math.floor((atMs - firstMs) / 1_000);
    seconds.set(second, (seconds.get(second) ?? 0) + 1);
  }
  return [...seconds.values()];
}

test('policies that change at once have their statuses soon, with one write each', async () => {
  await changeAll('Permissive');
  await eventually(async () => ((await behind(1)) === 0 ? true : undefined), 120_000);
  const startMs = Date.now();
  await changeAll('Strict');
  const changedMs = Date.now();
  await eventually(async () => ((await behind(2)) === 0 ? true : undefined), 120_000);
  const doneMs = Date.now();
  const bySecond = await pace(startMs);
  const total = bySecond.reduce((sum, one) => sum + one, 0);
  process.stdout.write(
    `claim: ${String(count)} policies changed in ${((changedMs - startMs) / 1000).toFixed(1)} s had their statuses ${((doneMs - changedMs) / 1000).toFixed(1)} s later: ${String(total)} writes, at most ${String(Math.max(...bySecond))} in a second\n`,
  );
  expect(Math.max(...bySecond)).toBeLessThanOrEqual(110);
  expect(total).toBe(count);
}, 300_000);
