/** Verdicts in a real API server: what one replica learns the others know, now and after a restart. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger, systemClock } from '../../lib/index.js';
import { policyKey, type PolicyKey, type TrafficPolicy } from '../../model/index.js';
import {
  KubernetesApiError,
  openKubernetesClient,
  parseObject,
  type KubernetesClient,
  type KubernetesRequest,
} from '../../sources/index.js';
import { sharedApiServer } from '../../sources/kubernetes/testing/api-server.js';
import type { PolicyVerdict } from '../effective-policies.js';
import { createClusterVerdicts, type ClusterVerdicts } from './verdicts.js';

let server: Awaited<ReturnType<typeof sharedApiServer>>;
let client: KubernetesClient;
let namespace: string;
let made = 0;
let open: ClusterVerdicts[] = [];

interface Replica {
  readonly store: ClusterVerdicts;
  readonly learned: PolicyVerdict[];
  readonly loaded: readonly PolicyVerdict[];
  readonly warnings: string[];
}

async function replica(send?: KubernetesClient['send']): Promise<Replica> {
  const learned: PolicyVerdict[] = [];
  const warnings: string[] = [];
  const store = createClusterVerdicts({
    client: send === undefined ? client : { ...client, send },
    ...{ clock: systemClock, namespace },
    logger: { ...silentLogger, warn: (message) => warnings.push(message) },
  });
  open.push(store);
  const loaded = await store.load();
  store.follow((verdict) => learned.push(verdict));
  return { store, learned, loaded, warnings };
}

/** A policy as the API server would show it. */
function object(name: string, mode: string, generation: number): object {
  return {
    apiVersion: 'skerry.dev/v1alpha1',
    kind: 'TrafficPolicy',
    metadata: {
      ...{ name, namespace: 'shop', uid: `uid-${name}`, generation, resourceVersion: '1' },
      creationTimestamp: '2026-01-02T03:04:05Z',
    },
    spec: { targetRefs: [{ kind: 'Namespace' }], inbound: { mtls: { mode, ports: { 80: mode } } } },
  };
}

function parse(text: object): TrafficPolicy {
  const parsed = parseObject(text, { rootNamespace: namespace });
  if (parsed.kind !== 'ours' || parsed.outcome.kind !== 'good') throw new Error('not good');
  return parsed.outcome.row.value as TrafficPolicy;
}

const key = policyKey('shop', 'cart');

async function waitFor(what: string, isTrue: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error(`not within 30 s: ${what}`);
    await sleep(5);
  }
}

/** What all ConfigMaps hold, by key. */
async function kept(): Promise<ReadonlyMap<string, string>> {
  const list = (await client.send({
    method: 'GET',
    path: `/api/v1/namespaces/${namespace}/configmaps`,
    query: { labelSelector: 'skerry.dev/verdicts=true' },
  })) as { readonly items: readonly { readonly data?: Readonly<Record<string, string>> }[] };
  return new Map(list.items.flatMap(({ data }) => Object.entries(data ?? {})));
}

beforeAll(async () => {
  server = await sharedApiServer();
  client = openKubernetesClient({ kubeconfig: server.kubeconfig });
});
afterAll(async () => {
  client.close();
  await server.release();
});
beforeEach(async () => {
  made += 1;
  namespace = `verdicts-${String(process.pid)}-${String(made)}`;
  open = [];
  const body = { metadata: { name: namespace } };
  await client.send({ method: 'POST', path: '/api/v1/namespaces', body });
});
afterEach(async () => {
  await Promise.all(open.map((store) => store.stop()));
});

test('a refusal is known to the other replicas at once, and to those that start later', async () => {
  const [a, b] = [await replica(), await replica()];
  const [good, bad] = [object('cart', 'Permissive', 1), object('cart', 'Strict', 2)];
  a.store.onPolicyObject(key, good);
  a.store.onPolicyObject(key, bad);
  a.store.save({ key, accepted: [parse(good)], rejected: { [parse(bad).hash]: 'no' } });
  await waitFor('the verdict', () => b.learned.length > 0);
  const expected = { key, accepted: [parse(good)], rejected: { [parse(bad).hash]: 'no' } };
  expect(b.learned).toEqual([expected]);
  expect((await replica()).loaded).toEqual([expected]);
});

test('what one has accepted and another refused at the same time is refused', async () => {
  const [a, b, c] = [await replica(), await replica(), await replica()];
  const [first, second] = [object('cart', 'Permissive', 1), object('cart', 'Strict', 2)];
  for (const { store } of [a, b, c]) {
    store.onPolicyObject(key, first);
    store.onPolicyObject(key, second);
  }
  const { hash } = parse(second);
  a.store.save({ key, accepted: [parse(second), parse(first)], rejected: {} });
  b.store.save({ key, accepted: [parse(first)], rejected: { [hash]: 'no' } });
  c.store.save({ key, accepted: [parse(second)], rejected: {} });
  await Promise.all([a, b, c].map(({ store }) => store.flush()));
  const verdict = { key, accepted: [parse(first)], rejected: { [hash]: 'no' } };
  expect((await replica()).loaded).toEqual([verdict]);
});

test('who refuses a form is known to the others at once, and what speaks against it is put beside', async () => {
  const [a, b] = [await replica(), await replica()];
  const [first, second] = [object('cart', 'Permissive', 1), object('cart', 'Strict', 2)];
  for (const { store } of [a, b]) {
    store.onPolicyObject(key, first);
    store.onPolicyObject(key, second);
  }
  const { hash } = parse(second);
  const refused = [{ identity: 'robbed/app', type: 'Listener', message: 'no' }];
  const accepted = { Listener: ['shop/cart'] };
  const said = { [hash]: { accepted: {}, refused } };
  a.store.save({ key, accepted: [parse(first)], rejected: {}, answers: said });
  await waitFor('the refusal', () => b.learned.length > 0);
  expect(b.learned).toEqual([{ key, accepted: [parse(first)], rejected: {}, answers: said }]);
  const against = { [hash]: { accepted, refused } };
  const forms = [parse(second), parse(first)];
  b.store.save({ key, accepted: forms, rejected: {}, answers: against });
  const verdict = { key, accepted: forms, rejected: {}, answers: against };
  // It hears of its own word too.
  const latest = (): object => a.learned.at(-1)?.answers?.[hash]?.accepted ?? {};
  await waitFor('what speaks against it', () => Object.keys(latest()).length > 0);
  expect(a.learned.at(-1)).toEqual(verdict);
  expect((await replica()).loaded).toEqual([verdict]);
});

test('a form that was condemned for one identity alone is good again where another has accepted it', async () => {
  const [a, b] = [await replica(), await replica()];
  const text = object('cart', 'Strict', 1);
  for (const { store } of [a, b]) store.onPolicyObject(key, text);
  const form = parse(text);
  const refused = [{ identity: 'robbed/app', type: 'Listener', message: 'no' }];
  const condemned = { [form.hash]: { accepted: {}, refused } };
  a.store.save({ key, accepted: [], rejected: { [form.hash]: 'no' }, answers: condemned });
  await a.store.flush();
  const lifted = { [form.hash]: { accepted: { Cluster: ['shop/cart'] }, refused } };
  b.store.save({ key, accepted: [form], rejected: {}, answers: lifted });
  await b.store.flush();
  const expected = { key, accepted: [form], rejected: {}, answers: lifted };
  expect((await replica()).loaded).toEqual([expected]);
});

test('many verdicts of many replicas at once are all kept', async () => {
  const three = [await replica(), await replica(), await replica()];
  const keys: PolicyKey[] = [];
  three.forEach(({ store }, index) => {
    for (let count = 0; count < 100; count += 1) {
      const name = `p-${String(index)}-${String(count)}`;
      const text = object(name, 'Strict', 1);
      keys.push(policyKey('shop', name));
      store.onPolicyObject(policyKey('shop', name), text);
      store.save({ key: policyKey('shop', name), accepted: [parse(text)], rejected: {} });
    }
  });
  await Promise.all(three.map(({ store }) => store.flush()));
  const { loaded } = await replica();
  expect(loaded.map((one) => one.key).sort()).toEqual(keys.sort());
  expect(loaded.every(({ accepted }) => accepted.length === 1)).toBe(true);
});

test('the verdict on a policy that is gone is removed, and so are those found without one', async () => {
  const a = await replica();
  for (const name of ['cart', 'old', 'kept']) {
    a.store.onPolicyObject(policyKey('shop', name), object(name, 'Strict', 1));
    a.store.save({ key: policyKey('shop', name), accepted: [], rejected: { 1: 'no' } });
  }
  await a.store.flush();
  a.store.onPolicyObject(key, undefined);
  a.store.forget(key);
  await a.store.flush();
  expect([...(await kept()).keys()].sort()).toEqual(['shop_kept', 'shop_old']);

  const b = await replica();
  const value = parse(object('kept', 'Strict', 1));
  const ref = { group: 'skerry.dev', kind: 'TrafficPolicy', namespace: 'shop', name: 'kept' };
  const change = { collection: 'policies', key: policyKey('shop', 'kept'), value, ref } as const;
  b.store.onBatch({ changes: [change], diagnostics: [] });
  await b.store.flush();
  expect([...(await kept()).keys()]).toEqual(['shop_kept']);
});

test('a policy made anew under its name is not forgotten by a late removal', async () => {
  const a = await replica();
  a.store.onPolicyObject(key, object('cart', 'Strict', 1));
  a.store.save({ key, accepted: [], rejected: { 1: 'no' } });
  await a.store.flush();
  a.store.forget(key);
  await a.store.flush();
  expect((await kept()).size).toBe(1);
});

test('what cannot be read is reported and left out', async () => {
  const a = await replica();
  a.store.save({ key, accepted: [], rejected: { 1: 'no' } });
  await a.store.flush();
  const labels = { 'skerry.dev/verdicts': 'true' };
  const entry = (name: string): string => JSON.stringify({ key: name, accepted: [], rejected: {} });
  // One is not JSON, the other speaks of a policy that is not its own.
  const data = { shop_x: '{', shop_y: entry('shop/cart') };
  await client.send({
    ...{ method: 'POST', path: `/api/v1/namespaces/${namespace}/configmaps` },
    body: { metadata: { name: 'skerry-verdicts-100', labels }, data },
  });
  const b = await replica();
  expect(b.loaded).toEqual([{ key, accepted: [], rejected: { 1: 'no' } }]);
  expect(b.warnings).toHaveLength(2);
});

test('what an API server does not take now is written later', async () => {
  let failures = 0;
  const a = await replica((request: KubernetesRequest) => {
    if (request.method === 'GET' || failures > 0) return client.send(request);
    failures += 1;
    return Promise.reject(new KubernetesApiError('away', { status: 503, reason: 'Unavailable' }));
  });
  a.store.save({ key, accepted: [], rejected: { 1: 'no' } });
  const b = await replica();
  await waitFor('the verdict', () => b.learned.length > 0);
  expect(failures).toBe(1);
});
