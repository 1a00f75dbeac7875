/** Statuses of TrafficPolicies, by whole control planes beside a real API server and sidecars that do as they are told. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { typeUrls } from '../../../envoy/index.js';
import { eventually } from '../test-kit.js';
import { install, type Installed, type Replica } from '../testing/installed.js';
import type { SidecarClient } from '../testing/sidecar-client.js';
import {
  conditionOf,
  makeWorkloads,
  type StatusView,
  type Workloads,
} from '../testing/workloads.js';
import { drainMs } from './own-sidecars.js';

let installed: Installed;
let first: Replica;
let second: Replica;
let made = 0;
const sidecars: SidecarClient[] = [];

beforeAll(async () => {
  installed = await install();
  first = await installed.startReplica('one');
  second = await installed.startReplica('two');
}, 120_000);

afterEach(() => {
  for (const sidecar of sidecars.splice(0)) sidecar.close();
});

afterAll(async () => {
  await installed.stop();
}, 60_000);

async function workloads(): Promise<Workloads> {
  made += 1;
  return makeWorkloads(installed, `status-${String(made)}`);
}

async function connect(space: Workloads, pod: string, replica: Replica): Promise<SidecarClient> {
  const sidecar = await space.connect(pod, replica);
  sidecars.push(sidecar);
  return sidecar;
}

/** A namespace with pods `a` and `b`, each served by another replica. */
async function pair(): Promise<{ space: Workloads; a: SidecarClient; b: SidecarClient }> {
  const space = await workloads();
  await space.pod('a', 'cart');
  await space.pod('b', 'cart');
  return { space, a: await connect(space, 'a', first), b: await connect(space, 'b', second) };
}

const carts = [{ kind: 'Pod', selector: { matchLabels: { app: 'cart' } } }];
const allow = (method: string): object => ({
  targetRefs: carts,
  inbound: { authorization: { allow: [{ to: [{ methods: [method] }] }] } },
});
const isLive =
  (count: number, generation: number) =>
  ({ proxies, observedGeneration }: StatusView): boolean =>
    proxies?.['live'] === count && observedGeneration === generation;

test('sidecars of two replicas are counted as one mesh, and live only once they have accepted', async () => {
  const { space, a } = await pair();
  await space.policy('reader', allow('GET'));
  const live = await space.statusOf('reader', isLive(2, 1));
  expect(live).toMatchObject({
    target: 'Pod/app=cart',
    proxies: { selected: 2, live: 2, rejected: 0, offline: 0, summary: '2/2' },
  });
  expect([conditionOf(live, 'Accepted'), conditionOf(live, 'Programmed')]).toEqual([
    'True Accepted',
    'True Programmed',
  ]);
  a.hold(typeUrls.route);
  await space.policy('reader', allow('PUT'));
  const late = await space.statusOf('reader', isLive(1, 2));
  expect(late).toMatchObject({ proxies: { summary: '1/2' }, slowest: `${space.namespace}/a` });
  expect(conditionOf(late, 'Programmed')).toBe('False Pending');
  a.release();
  await space.statusOf('reader', isLive(2, 2));
}, 60_000);

test('a sidecar of the other replica holds a policy back as well', async () => {
  const { space, b } = await pair();
  await space.policy('reader', allow('GET'));
  await space.statusOf('reader', isLive(2, 1));
  b.hold(typeUrls.route);
  await space.policy('reader', allow('PUT'));
  const late = await space.statusOf('reader', isLive(1, 2));
  expect(late.slowest).toBe(`${space.namespace}/b`);
  b.release();
  await space.statusOf('reader', isLive(2, 2));
}, 60_000);

test('kubectl prints what a policy is about, and on how many sidecars it is live', async () => {
  const { space } = await pair();
  await space.policy('reader', allow('GET'));
  await space.statusOf('reader', isLive(2, 1));
  const kubectl = process.env['SKERRY_KUBECTL'] ?? 'kubectl';
  const args = ['--kubeconfig', installed.server.kubeconfig, '-n', space.namespace, 'get', 'tp'];
  const [head = '', row = ''] = execFileSync(kubectl, args, { encoding: 'utf8' }).split('\n');
  expect(head.split(/\s+/)).toEqual(['NAME', 'TARGET', 'MODE', 'ACCEPTED', 'LIVE', 'AGE']);
  expect(row).toMatch(/^reader\s+Pod\/app=cart\s+Enforce\s+Accepted\s+2\/2\s+\d+s$/);
}, 60_000);

test('what drains is live only when connections under the old rules have ended', async () => {
  const { space } = await pair();
  const mtls = (mode: string): object => ({ targetRefs: carts, inbound: { mtls: { mode } } });
  await space.policy('mtls', mtls('Permissive'));
  await space.statusOf('mtls', isLive(2, 1));
  await space.policy('mtls', mtls('Strict'));
  const startedAt = performance.now();
  await space.statusOf('mtls', isLive(0, 2));
  await space.statusOf('mtls', isLive(2, 2));
  expect(performance.now() - startedAt).toBeGreaterThan(drainMs);
}, 60_000);

test('switched off it is live nowhere and done, once every sidecar has let go', async () => {
  const { space, a } = await pair();
  await space.policy('reader', allow('GET'));
  await space.statusOf('reader', isLive(2, 1));
  a.hold(typeUrls.route);
  await space.policy('reader', { ...allow('GET'), mode: 'Disabled' });
  const leaving = await space.statusOf(
    'reader',
    ({ observedGeneration, proxies }) => observedGeneration === 2 && proxies?.['selected'] === 1,
  );
  expect(leaving).toMatchObject({ proxies: { live: 0, summary: '0/1' } });
  expect(conditionOf(leaving, 'Programmed')).toBe('False Pending');
  a.release();
  const off = await space.statusOf('reader', ({ proxies }) => proxies?.['selected'] === 0);
  expect(off.conditions?.at(-1)?.message).toBe('mode is Disabled: nothing is in force');
}, 60_000);

test('a form that one sidecar alone refuses is told with its words, and in force on the others', async () => {
  const { space, b } = await pair();
  await space.policy('reader', allow('GET'));
  await space.statusOf('reader', isLive(2, 1));
  b.refuseNew(typeUrls.route, 'I will not');
  await space.policy('reader', allow('PUT'));
  const settled = await space.statusOf(
    'reader',
    ({ proxies }) => proxies?.['rejected'] === 1 && proxies['live'] === 1,
  );
  expect(conditionOf(settled, 'Programmed')).toBe('False Rejected');
  expect(settled).toMatchObject({
    observedGeneration: 2,
    proxies: { selected: 2, live: 1, rejected: 1 },
    firstRejection: { proxy: `${space.namespace}/b`, message: 'I will not' },
  });
  expect(settled.conditions?.at(-1)?.message).toContain('in force where it is accepted');
}, 60_000);

test('a form that all sidecars refuse is told with their words, and the next is a new start', async () => {
  const { space, a, b } = await pair();
  await space.policy('reader', allow('GET'));
  await space.statusOf('reader', isLive(2, 1));
  for (const sidecar of [a, b]) sidecar.refuseNew(typeUrls.route, 'Unable to parse this');
  await space.policy('reader', allow('PUT'));
  const refused = await space.statusOf(
    'reader',
    ({ firstRejection }) => firstRejection !== undefined,
  );
  expect(conditionOf(refused, 'Accepted')).toBe('True Accepted');
  const settled = await space.statusOf('reader', ({ proxies, conditions }) => {
    const message = conditions?.at(-1)?.message ?? '';
    return proxies?.['rejected'] === 2 && message.includes('the last good form stays in force');
  });
  expect(conditionOf(settled, 'Programmed')).toBe('False Rejected');
  expect(settled).toMatchObject({
    observedGeneration: 2,
    proxies: { selected: 2, live: 0, rejected: 2 },
    firstRejection: {
      proxy: expect.stringMatching(new RegExp(`^${space.namespace}/[ab]$`)) as unknown,
      message: 'Unable to parse this',
    },
  });
  for (const sidecar of [a, b]) sidecar.refuseNew('', '');
  await space.policy('reader', allow('POST'));
  const mended = await space.statusOf('reader', isLive(2, 3));
  expect(mended.firstRejection).toBeUndefined();
  expect(conditionOf(mended, 'Programmed')).toBe('True Programmed');
}, 60_000);

test('an object that cannot be carried out says so, and that its last good form stays', async () => {
  const { space } = await pair();
  await space.policy('reader', allow('GET'));
  await space.statusOf('reader', isLive(2, 1));
  await space.policy('reader', {
    targetRefs: [{ kind: 'Service', name: 'cart' }],
    routes: [{ name: 'r', matches: [{ path: { type: 'RegularExpression', value: '(' } }] }],
  });
  const invalid = await space.statusOf(
    'reader',
    ({ observedGeneration }) => observedGeneration === 2,
  );
  expect(invalid).toMatchObject({ target: 'Service/cart', proxies: { selected: 2, live: 0 } });
  expect(conditionOf(invalid, 'Accepted')).toBe('False Invalid');
  expect(conditionOf(invalid, 'Programmed')).toBe('False Pending');
  const [accepted, programmed] = invalid.conditions ?? [];
  expect(accepted?.message).toContain('spec.routes[0].matches[0].path.value');
  expect(programmed?.message).toBe('the last good form stays in force');
}, 60_000);

test('what only the mesh can tell comes and goes with the mesh', async () => {
  const space = await workloads();
  const mtls = { mode: 'Strict' };
  await space.policy('early', {
    targetRefs: [{ kind: 'Service', name: 'cart' }],
    inbound: { mtls },
  });
  const early = await space.statusOf('early', ({ conditions }) => conditions !== undefined);
  expect(conditionOf(early, 'Accepted')).toBe('False TargetNotFound');
  expect(conditionOf(early, 'Programmed')).toBe('False Pending');
  await installed.client.send({
    ...{ method: 'POST', path: `/api/v1/namespaces/${space.namespace}/services` },
    body: {
      metadata: { name: 'cart' },
      spec: { selector: { app: 'cart' }, ports: [{ name: 'http', port: 80 }] },
    },
  });
  await space.statusOf('early', (status) => conditionOf(status, 'Accepted') === 'True Accepted');
  await space.policy('elsewhere', { targetRefs: [{ kind: 'Mesh' }], inbound: { mtls } });
  await space.statusOf(
    'elsewhere',
    (status) => conditionOf(status, 'Accepted') === 'False Invalid',
  );
}, 60_000);

test('a sidecar that stays away is offline after a while; one that comes back at once never is', async () => {
  const { space, a, b } = await pair();
  await space.policy('reader', allow('GET'));
  await space.statusOf('reader', isLive(2, 1));
  const before = (await space.read('reader')).metadata.resourceVersion;
  b.close();
  await connect(space, 'b', first);
  a.close();
  const gone = await space.statusOf('reader', ({ proxies }) => proxies?.['live'] !== 2);
  expect(gone).toMatchObject({
    proxies: { selected: 2, live: 1, offline: 1, summary: '1/2' },
    slowest: `${space.namespace}/a`,
  });
  expect(before).not.toBe((await space.read('reader')).metadata.resourceVersion);
  await space.removePod('a');
  await space.statusOf('reader', ({ proxies }) => proxies?.['summary'] === '1/1');
}, 60_000);

test('where nothing changes nothing is written, and what others write beside it stays', async () => {
  const { space } = await pair();
  await space.policy('reader', allow('GET'));
  await space.statusOf('reader', isLive(2, 1));
  await sleep(1_500);
  const path = `/apis/skerry.dev/v1alpha1/namespaces/${space.namespace}/trafficpolicies/reader`;
  const reviewed = {
    ...{ type: 'Reviewed', status: 'True', reason: 'ByHand', message: '' },
    lastTransitionTime: '2026-01-02T03:04:05Z',
  };
  await installed.client.send({
    ...{ method: 'PATCH', path: `${path}/status`, contentType: 'application/apply-patch+yaml' },
    query: { fieldManager: 'reviewer' },
    body: {
      ...{ apiVersion: 'skerry.dev/v1alpha1', kind: 'TrafficPolicy' },
      ...{ metadata: { name: 'reader' }, status: { conditions: [reviewed] } },
    },
  });
  await sleep(3_000);
  const policy = await space.read('reader');
  await sleep(3_000);
  expect((await space.read('reader')).metadata.resourceVersion).toBe(
    policy.metadata.resourceVersion,
  );
  expect(policy.status?.conditions?.map(({ type }) => type).sort()).toEqual([
    ...['Accepted', 'Programmed', 'Reviewed'],
  ]);
  const managers = policy.metadata.managedFields ?? [];
  expect(managers.map((one) => [one['manager'], one['subresource'] ?? '']).sort()).toEqual([
    ['reviewer', 'status'],
    ['skerry-status', 'status'],
    ['user', ''],
  ]);
}, 60_000);

test('a status that somebody overwrites is put right', async () => {
  const { space } = await pair();
  await space.policy('reader', allow('GET'));
  await space.statusOf('reader', isLive(2, 1));
  const path = `/apis/skerry.dev/v1alpha1/namespaces/${space.namespace}/trafficpolicies/reader`;
  await installed.client.send({
    ...{ method: 'PATCH', path: `${path}/status`, contentType: 'application/merge-patch+json' },
    body: { status: { proxies: { live: 7, summary: '7/2' } } },
  });
  const seen = await space.statusOf('reader', ({ proxies }) => proxies?.['live'] !== 7);
  expect(seen.proxies).toMatchObject({ live: 2, summary: '2/2' });
}, 60_000);

test('a policy made anew under its name is another one', async () => {
  const { space } = await pair();
  await space.policy('reader', allow('GET'));
  const former = await space.statusOf('reader', isLive(2, 1));
  const path = `/apis/skerry.dev/v1alpha1/namespaces/${space.namespace}/trafficpolicies/reader`;
  await installed.client.send({ method: 'DELETE', path });
  await sleep(1_100);
  await space.policy('reader', allow('PUT'));
  const next = await space.statusOf('reader', isLive(2, 1));
  const timesOf = ({ conditions = [] }: StatusView): readonly string[] =>
    conditions.map((one) => one.lastTransitionTime);
  for (const [index, time] of timesOf(next).entries()) {
    expect(Date.parse(time)).toBeGreaterThan(Date.parse(timesOf(former)[index] ?? ''));
  }
}, 60_000);

test('a replica that stops takes its summary away', async () => {
  const list = async (): Promise<readonly string[]> => {
    const found = (await installed.client.send({
      ...{ method: 'GET', path: '/api/v1/namespaces/skerry-system/configmaps' },
      query: { labelSelector: 'skerry.dev/replica-summary=true' },
    })) as { readonly items: readonly { readonly metadata: { readonly name: string } }[] };
    return found.items.map(({ metadata }) => metadata.name);
  };
  const third = await installed.startReplica('three');
  await eventually(async () =>
    (await list()).includes('skerry-replica-three') ? true : undefined,
  );
  expect(await list()).toEqual(
    expect.arrayContaining(['skerry-replica-one', 'skerry-replica-two']),
  );
  await third.stop();
  expect(await list()).not.toContain('skerry-replica-three');
}, 60_000);
