/** Claim: a policy in mode Audit refuses nobody, and the control plane knows whom it would have refused. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { WouldDenyView } from '../../../src/admin/index.js';
import type { Agent, Mesh } from '../../../demo/rig/index.js';
import { claim } from '../../kit/claim.js';
import { askAdmin } from '../../kit/control-plane.js';
import { manifest, trafficPolicy } from '../../kit/manifest.js';
import { eventually } from '../../kit/sidecar.js';
import { startSuiteMesh, stopSuiteMesh } from '../../kit/suite-mesh.js';

const policyFile = '60-audit.yaml';
const reviews = 'spiffe://cluster.local/ns/b/sa/reviews';
let mesh: Mesh;
/** May call ratings by the demo's rules. */
let insider: Agent;
/** May not. */
let outsider: Agent;

beforeAll(async () => {
  mesh = await startSuiteMesh({
    suite: import.meta.url,
    pods: ['a/frontend', 'b/reviews-v1', 'c/ratings', 'c/ledger'],
  });
  insider = await mesh.agent('b/reviews-v1');
  outsider = await mesh.agent('a/frontend');
});

afterAll(async () => {
  await stopSuiteMesh(mesh);
});

afterEach(async () => {
  await mesh.writeManifest(policyFile, undefined);
});

/** Puts a rule in force, or only under audit. */
async function apply(mode: string, service: string, rule: object): Promise<void> {
  const targetRefs = [{ kind: 'Service', name: service }];
  const inbound = { authorization: { deny: [{ name: 'rule', ...rule }] } };
  await mesh.writeManifest(
    policyFile,
    manifest(trafficPolicy('c/trial', { targetRefs, mode, inbound })),
  );
}

async function found(): Promise<WouldDenyView | undefined> {
  const all = (await askAdmin(mesh.controlPlane(), '/v1/would-deny')) as readonly WouldDenyView[];
  return all.find(({ policy }) => policy === 'c/trial');
}

async function statuses(from: Agent, path: string, total: number): Promise<object> {
  const url = `http://ratings.c:8080${path}`;
  return (await from.load({ url, total, concurrency: 4, timeoutMs: 10_000 })).statuses;
}

/** Calls until the control plane has heard of one. */
async function untilHeard(call: () => Promise<unknown>): Promise<number> {
  return await eventually('the first report', async () => {
    await call();
    return (await found())?.count;
  });
}

async function untilCount(count: number): Promise<WouldDenyView> {
  return await eventually(`a count of ${String(count)}`, async () => {
    const view = await found();
    return view !== undefined && view.count >= count ? view : undefined;
  });
}

describe('a deny rule under audit', () => {
  test('lets HTTP requests pass, and each is counted with its caller', async () => {
    await apply('Audit', 'ratings', { to: [{ paths: ['/trial*'] }] });
    await untilHeard(() => statuses(insider, '/trial', 1));
    // What the first calls have left.
    const before = await eventually('quiet', async () => {
      const first = (await found())?.count;
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      return first === (await found())?.count ? first : undefined;
    });
    expect(await statuses(insider, '/trial', 200)).toEqual({ 200: 200 });
    expect(await statuses(insider, '/', 100)).toEqual({ 200: 100 });
    const view = await untilCount(before + 200);
    expect(view).toEqual({
      ...{ policy: 'c/trial', count: before + 200 },
      callers: [{ caller: reviews, count: before + 200 }],
    });
    claim('audit', 'requests that would be refused, and were counted:', 200);
  });

  test('does not count what is refused anyway', async () => {
    await apply('Audit', 'ratings', { to: [{ paths: ['/*'] }] });
    await untilHeard(() => statuses(insider, '/', 1));
    expect(await statuses(outsider, '/', 50)).toEqual({ 403: 50 });
    await statuses(insider, '/', 1);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect((await found())?.callers.map(({ caller }) => caller)).toEqual([reviews]);
  });

  test('refuses once it is enforced', async () => {
    await apply('Enforce', 'ratings', { to: [{ paths: ['/trial*'] }] });
    await eventually('the first 403', async () => {
      const { 403: refused } = (await statuses(insider, '/trial', 1)) as Record<string, number>;
      return refused;
    });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await found()).toBeUndefined();
  });

  test('lets TCP connections pass, and each is counted', async () => {
    await apply('Audit', 'ledger', { from: [{ namespace: 'b' }] });
    const call = async (): Promise<string> =>
      (await insider.tcp({ host: 'ledger.c', port: 7000, send: 'ping', expectBytes: 4 })).body;
    await untilHeard(async () => {
      expect(await call()).toContain('ping');
    });
    expect((await found())?.callers.map(({ caller }) => caller)).toEqual([reviews]);
  });
});
