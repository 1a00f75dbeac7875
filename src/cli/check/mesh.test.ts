/** What checks find in a mesh that no test can bring about for real: wrong clocks, old roots, replicas that disagree. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { CaRootView, CaView, ProxyView, StateView } from '../../admin/index.js';
import { KubernetesApiError } from '../../sources/index.js';
import type { Check } from './check.js';
import { checkCodes } from './codes.js';
import { openFacts, type Facts } from './facts.js';
import { injectionCheck } from './injection.js';
import { policiesCheck } from './policies.js';
import {
  answerFindings,
  certificateFindings,
  clockFindings,
  offlinePods,
  rootOfCertificateFindings,
  wantedEnvoy,
} from './proxies.js';
import { controlPlaneCheck, leaderCheck, replicasCheck, sourcesCheck } from './replicas.js';
import { authorityCheck, rootFindings } from './trust.js';

const dayMs = 86_400_000;
let folder: string;
let root: string;

/** A certificate that ends in so many days. */
function certificate(name: string, days: number): string {
  const key = join(folder, 'key.pem');
  const out = join(folder, `${name}.pem`);
  const subject = ['-subj', `/O=Skerry/CN=${name}`, '-days', String(days)];
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  execFileSync('openssl', [...args, '-keyout', key, '-out', out, ...subject], { stdio: 'ignore' });
  return readFileSync(out, 'utf8');
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skerry-check-'));
  root = certificate('Skerry root a', 3650);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function stateOf(change: Partial<StateView> = {}): StateView {
  return {
    ...{ version: '0.1.0', replica: 'one', startedAtMs: 0, nowMs: Date.now(), generation: 1 },
    ...{ waiting: [], isLeader: false, sources: [] },
    authority: {
      trustDomain: 'cluster.local',
      bundle: root,
      serverNotAfterMs: Date.now() + 20 * dayMs,
    },
    ...change,
  };
}

function caOf(change: Partial<CaView> = {}): CaView {
  const active: CaRootView = {
    ...{ slot: 'active', fingerprint: 'aa', notBeforeMs: 0, notAfterMs: Date.now() + 3650 * dayMs },
    ...{ hasKey: true, issuers: [] },
  };
  return {
    ...{ replica: 'one', isLeader: true, nowMs: Date.now(), trustDomain: 'cluster.local' },
    ...{ roots: [active], alarms: [] },
    rotation: { phase: 'none', mode: 'staged', waiting: [], leftBehind: [] },
    ...change,
  };
}

interface Cluster {
  /** By the name of the pod. */
  readonly states: Readonly<Record<string, StateView>>;
  readonly answers?: Readonly<Record<string, unknown>>;
  readonly admin?: Readonly<Record<string, unknown>>;
  readonly onCreate?: () => Promise<unknown>;
  /** Called when a replica is asked; what it returns is thrown. */
  readonly onState?: (pod: string) => Error | undefined;
}

/** A cluster that answers by path. */
function factsOf({ states, answers = {}, admin = {}, onCreate, onState }: Cluster): Facts {
  const pods = Object.keys(states).map((name) => ({
    metadata: { name },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  }));
  const known: Readonly<Record<string, unknown>> = {
    '/api/v1/namespaces/skerry-system/pods': { items: pods },
    '/apis/apps/v1/namespaces/skerry-system/deployments/skerry-controller': {
      spec: { replicas: pods.length },
      status: Object.fromEntries(
        ['replicas', 'updatedReplicas', 'readyReplicas', 'availableReplicas'].map((name) => [
          name,
          pods.length,
        ]),
      ),
    },
    ...answers,
  };
  return openFacts({
    send: ({ path, method }) =>
      method === 'POST' && onCreate !== undefined
        ? onCreate()
        : Promise.resolve(known[path] ?? { items: [] }),
    exec: ({ pod, command }) => {
      const path = command.at(-1) ?? '';
      const answer = path === '/v1/state' ? states[pod] : { '/v1/ca': caOf(), ...admin }[path];
      const failure = path === '/v1/state' ? onState?.(pod) : undefined;
      if (failure !== undefined) return Promise.reject(failure);
      return Promise.resolve({ exitCode: 0, stdout: JSON.stringify(answer), stderr: '' });
    },
    clockSkewMs: () => 0,
  });
}

async function found(check: Check, cluster: Cluster): Promise<readonly string[]> {
  const { findings } = await check.look(factsOf(cluster));
  return findings.map(({ code, says }) => `${code}: ${says}`);
}

describe('replicas', () => {
  test('that agree are fine', async () => {
    expect(await found(replicasCheck, { states: { one: stateOf(), two: stateOf() } })).toEqual([]);
  });

  test('whose container runs no commands give no answer, which is not the API server’s fault', async () => {
    const refused = new KubernetesApiError('EXEC skerry-system/two: 400', {
      ...{ status: 0, reason: 'Unknown' },
    });
    const states = { one: stateOf(), two: stateOf() };
    const onState = (pod: string): Error | undefined => (pod === 'two' ? refused : undefined);
    expect(await found(replicasCheck, { states, onState })).toEqual([
      'ReplicaSilent: two: EXEC skerry-system/two: 400',
    ]);
    expect(await found(controlPlaneCheck, { states, onState })).toEqual([]);
  });

  test('of two versions are named', async () => {
    const states = { one: stateOf(), two: stateOf({ version: '0.2.0' }) };
    expect(await found(replicasCheck, { states })).toEqual([
      'ReplicaVersionsDiffer: one is 0.1.0, two is 0.2.0',
    ]);
  });

  test('that wait for something say for what', async () => {
    const states = { one: stateOf({ waiting: ['pods: being listed'] }) };
    expect(await found(replicasCheck, { states })).toEqual([
      'ReplicaWaiting: one: pods: being listed',
    ]);
  });

  test.each([
    [-300_000, '5m0s behind'],
    [120_000, '2m0s ahead of'],
  ])('whose clock is wrong by %d ms are named', async (ms, says) => {
    const states = { one: stateOf({ nowMs: Date.now() + ms }) };
    expect(await found(replicasCheck, { states })).toEqual([
      `ReplicaClockSkew: one is ${says} the API server`,
    ]);
  });
});

describe('the leader', () => {
  const path = '/apis/coordination.k8s.io/v1/namespaces/skerry-system/leases/skerry-leader';
  const lease = (holderIdentity: string, ageMs: number): NonNullable<Cluster['answers']> => {
    const time = new Date(Date.now() - ageMs).toISOString();
    // Its own clock, which may be wrong, does not count.
    const renewTime = '2000-01-01T00:00:00.000000Z';
    return {
      [path]: { metadata: { managedFields: [{ time }] }, spec: { holderIdentity, renewTime } },
    };
  };

  test.each([
    ['one_1', 3_000, []],
    ['one_1', 60_000, ['NoLeader: one_1 has not renewed the Lease skerry-leader for 1m0s']],
    ['', 1_000, ['NoLeader: nobody holds the Lease skerry-leader']],
  ])('%s, of %d ms ago', async (holder, ageMs, says) => {
    const states = { one: stateOf({ isLeader: true }), two: stateOf() };
    expect(await found(leaderCheck, { states, answers: lease(holder, ageMs) })).toEqual(says);
  });

  test('is one', async () => {
    const states = { one: stateOf({ isLeader: true }), two: stateOf({ isLeader: true }) };
    expect(await found(leaderCheck, { states, answers: lease('one_1', 0) })).toEqual([
      'SeveralLeaders: one and two',
    ]);
  }, 15_000);

  test('may give way to another while replicas are asked', async () => {
    const states: Record<string, StateView> = {
      one: stateOf({ isLeader: true }),
      two: stateOf({ isLeader: true }),
    };
    const onState = (pod: string): undefined => {
      if (pod === 'one') states['one'] = stateOf();
    };
    expect(await found(leaderCheck, { states, answers: lease('two_1', 0), onState })).toEqual([]);
  });
});

test('a replica that serves what it knew long ago says since when, and why', async () => {
  const old = { kind: 'pods', isSynced: true, objects: 3, ageMs: 300_000, problem: 'ECONNREFUSED' };
  const never = { kind: 'services', isSynced: false, objects: 0, ageMs: 5_000 };
  const fresh = { kind: 'nodes', isSynced: true, objects: 3, ageMs: 0 };
  const states = { one: stateOf({ sources: [old, never, fresh] }) };
  expect(await found(sourcesCheck, { states })).toEqual([
    'SourceStale: one: pods as of 5m0s ago: ECONNREFUSED',
    'SourceStale: one: services never listed: no reason known',
  ]);
});

describe('the authority', () => {
  const authority = (change: Partial<StateView['authority']>): StateView =>
    stateOf({ authority: { trustDomain: 'cluster.local', bundle: root, ...change } });

  test('is one for all replicas', async () => {
    const states = { one: authority({}), two: authority({ bundle: certificate('other', 3650) }) };
    expect(await found(authorityCheck, { states })).toEqual([
      'AuthoritiesDiffer: 2 different trust bundles',
    ]);
  });

  test('tells of intermediates that end soon, and what to do', async () => {
    const alarm = { what: 'workload-issuer', level: 7 as const, remedy: 'sign it elsewhere' };
    const alarms = [{ ...alarm, notAfterMs: Date.now() + 3 * dayMs }];
    const cluster = { states: { one: authority({}) }, admin: { '/v1/ca': caOf({ alarms }) } };
    expect(await found(authorityCheck, cluster)).toEqual([
      expect.stringMatching(/^IssuerExpiring: workload-issuer ends in .*: sign it elsewhere$/),
    ]);
  });

  test('renews the certificates of its servers', async () => {
    const serverNotAfterMs = Date.now() + 2 * dayMs;
    const states = { one: authority({ serverNotAfterMs }) };
    expect(await found(authorityCheck, { states })).toEqual([
      expect.stringMatching(
        /^ServerCertificateExpiring: one: its certificate ends in (47h59m|2d0h)$/,
      ),
    ]);
  });

  test.each([
    ['has years left', [3650], []],
    ['ends soon', [30], [/^RootExpiring: root-0 ends in (29d23h|30d0h)$/]],
    ['ends soon, and the next is there', [30, 3650], [/^RootExpiring: root-0 ends in/]],
  ])('%s', (_name, days, says) => {
    const pem = days.map((count, index) => certificate(`root-${String(index)}`, count)).join('');
    const texts = rootFindings(pem, Date.now()).map((one) => `${one.code}: ${one.says}`);
    expect(texts).toEqual(says.map((pattern) => expect.stringMatching(pattern)));
  });

  test('that has ended is no warning any more', () => {
    const later = Date.now() + 4000 * dayMs;
    expect(rootFindings(root, later)).toEqual([
      { code: 'RootExpired', says: 'Skerry root a has ended' },
    ]);
    expect(rootFindings('no certificate', later)).toEqual([
      { code: 'RootExpired', says: 'no root can be read' },
    ]);
  });
});

describe('a sidecar', () => {
  const nowMs = Date.now();
  const proxy = (change: Partial<ProxyView>): ProxyView => ({
    ...{ name: 'shop/cart', identity: '', variant: 'delta', connectedSinceMs: 0 },
    ...{
      envoyVersion: '1.40.0',
      generationSent: 1,
      generationAcked: 1,
      resources: [],
      rejected: [],
    },
    ...change,
  });

  test.each([
    [{ pendingForMs: 5_000 }, []],
    [{ pendingForMs: 45_000 }, ['ProxySlow: shop/cart: no answer for 45s']],
  ])('that was sent something: %j', (change, says) => {
    expect(answerFindings(proxy(change)).map((one) => `${one.code}: ${one.says}`)).toEqual(says);
  });

  test.each([
    [undefined, []],
    [-59_000, []],
    [86_400_000, ['ProxyClockSkew: shop/cart: its clock is 24h0m ahead']],
    [-240_000, ['ProxyClockSkew: shop/cart: its clock is 4m0s behind']],
  ])('whose clock was ahead by %j ms when it connected', (clockAheadMs, says) => {
    const one = proxy(clockAheadMs === undefined ? {} : { clockAheadMs });
    expect(clockFindings(one).map(({ code, says: text }) => `${code}: ${text}`)).toEqual(says);
  });

  test.each([
    ['is new', 6, 3, []],
    ['is due since a minute', 5, -0.02, []],
    [
      'is due for an hour',
      5,
      -1,
      ['ProxyCertificateExpiring: shop/cart: its certificate ends in 5h0m'],
    ],
    ['has ended', -1, -7, ['ProxyCertificateExpiring: shop/cart: its certificate has ended']],
  ])('whose certificate %s', (_name, endHours, dueHours, says) => {
    const at = (hours: number): number => nowMs + hours * 3_600_000;
    const times = { certificateNotAfterMs: at(endHours), certificateRenewAtMs: at(dueHours) };
    const texts = certificateFindings(proxy(times), nowMs).map((one) => `${one.code}: ${one.says}`);
    expect(texts).toEqual(says);
  });

  test.each([
    ['of the root that signs', 'aa', 'none', []],
    [
      'of another',
      'bb',
      'none',
      ['ProxyOfFormerRoot: shop/cart: its certificate is of root bb, not of aa'],
    ],
    ['of another, while those drain', 'bb', 'draining', []],
  ] as const)('whose certificate is %s', (_name, certificateRoot, phase, says) => {
    const ca = caOf();
    const rotation = { ...ca.rotation, phase };
    const findings = rootOfCertificateFindings(proxy({ certificateRoot }), { ...ca, rotation });
    expect(findings.map((one) => `${one.code}: ${one.says}`)).toEqual(says);
  });

  test.each([
    ['runs and is connected', { isRunning: true }, true, false],
    ['runs and is not', { isRunning: true }, false, true],
    ['has not started', { isRunning: false }, false, false],
    ['has just started', { isRunning: true, startedAtMs: nowMs - 1_000 }, false, false],
    ['has none', { isRunning: true, hasSidecar: false }, false, false],
  ])('whose pod %s', (_name, change, isConnected, isOffline) => {
    const pod = {
      ...{ name: 'shop/cart', namespace: 'shop', hasSidecar: true, wantsSidecar: true, images: {} },
      ...{ startedAtMs: nowMs - 600_000, ...change },
    };
    const connected = new Set(isConnected ? ['shop/cart'] : []);
    expect(offlinePods([pod], connected, nowMs)).toHaveLength(isOffline ? 1 : 0);
  });

  test.each([
    ['r.local/envoy:1.41.2', '1.41.2'],
    ['envoyproxy/envoy:v1.39.0', '1.39.0'],
    ['r.local/envoy@sha256:00', '1.40.0'],
  ])('is expected to run what %s holds', (value, version) => {
    const containers = [{ env: [{ name: 'SKERRY_ENVOY_IMAGE', value }] }];
    expect(wantedEnvoy({ spec: { template: { spec: { containers } } } })).toBe(version);
  });
});

test.each([
  ['exceeded quota: small', 'InjectionRefused'],
  ['violates PodSecurity "baseline:latest"', 'RedirectionForbidden'],
  ['failed calling webhook "inject.skerry.dev": timeout', 'WebhookUnreachable'],
])('a pod that is refused with %s', async (message, code) => {
  const namespaces = {
    items: [{ metadata: { name: 'shop', labels: { 'skerry.dev/inject': 'enabled' } } }],
  };
  const refused = new KubernetesApiError(
    `POST /pods: 403 Forbidden: pods "x" is forbidden: ${message}`,
    {
      ...{ status: 403, reason: 'Forbidden' },
    },
  );
  const cluster: Cluster = {
    ...{ states: {}, answers: { '/api/v1/namespaces': namespaces } },
    onCreate: () => Promise.reject(refused),
  };
  expect(await found(injectionCheck, cluster)).toEqual([
    `${code}: namespace shop: pods "x" is forbidden: ${message}`,
  ]);
});

test('what the control plane says of objects other than policies is passed on', async () => {
  const object = { group: '', kind: 'Service', namespace: 'shop', name: 'cart' };
  const error = { severity: 'error', code: 'AddressConflict', message: 'found 10.0.0.1 twice' };
  const admin = {
    '/v1/diagnostics': [
      { ...error, object },
      { ...error, severity: 'warning', object },
      { ...error, object: { ...object, group: 'skerry.dev', kind: 'TrafficPolicy' } },
    ],
  };
  expect(await found(policiesCheck, { states: { one: stateOf() }, admin })).toEqual([
    'ObjectDiagnosed: Service shop/cart: AddressConflict: found 10.0.0.1 twice',
  ]);
});

test('every code is found by some test', () => {
  const here = import.meta.dirname;
  const tests = readdirSync(here).filter((name) => name.endsWith('.test.ts'));
  const text = tests.map((name) => readFileSync(join(here, name), 'utf8')).join('\n');
  expect(Object.keys(checkCodes).filter((code) => !text.includes(code))).toEqual([]);
});
