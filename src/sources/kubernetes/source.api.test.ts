/** The source against a real kube-apiserver: sync, change, outage, loss of history, difference found. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { systemClock, type Clock } from '../../lib/index.js';
import type { SourceBatch } from '../change.js';
import { openKubernetesClient, type KubernetesClient } from './client.js';
import { createKubernetesSource, type KubernetesSource } from './source.js';
import { startApiServer, type TestApiServer } from './testing/api-server.js';

const crdFile = join(import.meta.dirname, '../../../deploy/crds/trafficpolicies.skerry.dev.yaml');

let server: TestApiServer;
let client: KubernetesClient;

async function waitFor(what: string, isTrue: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error(`not within a minute: ${what}`);
    await sleep(20);
  }
}

function create(path: string, body: object): Promise<unknown> {
  return client.send({ method: 'POST', path, body });
}

function service(name: string, port = 80) {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: name }, ports: [{ name: 'http', port }] },
  };
}

/** Without an address: an API server that has just begun may have none to give yet ("range is full"). */
function headless(name: string): object {
  const { spec, ...rest } = service(name);
  return { spec: { clusterIP: 'None', ...spec }, ...rest };
}

/** The key of RFC 7517, appendix A.1. */
const keys = JSON.stringify({
  keys: [
    {
      ...{ kty: 'EC', kid: '1', crv: 'P-256' },
      x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
      y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
    },
  ],
});

const policiesPath = '/apis/skerry.dev/v1alpha1/namespaces/default/trafficpolicies';

function policy(name: string, mode: string): object {
  return {
    apiVersion: 'skerry.dev/v1alpha1',
    kind: 'TrafficPolicy',
    metadata: { name },
    spec: { targetRefs: [{ kind: 'Namespace' }], inbound: { mtls: { mode } } },
  };
}

/** A source whose batches are played into a table. */
function follow(clock: Clock = systemClock): {
  readonly source: KubernetesSource;
  readonly rows: Map<string, unknown>;
  readonly batches: SourceBatch[];
  readonly warnings: string[];
} {
  const rows = new Map<string, unknown>();
  const batches: SourceBatch[] = [];
  const warnings: string[] = [];
  const source = createKubernetesSource({
    client,
    clock,
    follows: ['keySets', 'caBundles', 'credentials'],
    logger: {
      warn: (fields, message) => warnings.push(`${message} ${JSON.stringify(fields)}`),
      error: (fields, message) => warnings.push(`${message} ${JSON.stringify(fields)}`),
    },
    onChange: (batch) => {
      batches.push(batch);
      for (const { collection, key, value } of batch.changes) {
        if (value === undefined) rows.delete(`${collection} ${key}`);
        else rows.set(`${collection} ${key}`, value);
      }
    },
  });
  return { source, rows, batches, warnings };
}

beforeAll(async () => {
  server = await startApiServer();
  client = openKubernetesClient({ kubeconfig: server.kubeconfig });
}, 180_000);

afterAll(async () => {
  client.close();
  await server.stop();
});

test('nothing is handed out before every kind can be listed, and what waits says why', async () => {
  const { source, batches } = follow();
  const started = source.start();
  await waitFor('all kinds but one', () => source.waiting().length === 1);
  await waitFor('a reason', () => (source.waiting()[0] ?? '').includes('404'));
  expect(source.waiting()[0]).toMatch(/^trafficpolicies\.skerry\.dev: .*404/);
  expect(batches).toEqual([]);

  const crd: unknown = parse(readFileSync(crdFile, 'utf8'));
  await create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd as object);
  await started;
  expect(source.waiting()).toEqual([]);
  expect(batches).toHaveLength(1);
  await source.stop();
});

test('a server that knows no streaming lists, as one on an old etcd, is asked for plain ones at once', async () => {
  const waits: number[] = [];
  const { source } = follow({
    now: () => systemClock.now(),
    after: (delayMs, task) => {
      waits.push(delayMs);
      return systemClock.after(delayMs, task);
    },
  });
  await source.start();
  // What remains is the wait for the next comparison with the original.
  expect(waits.filter((each) => each < 5_000)).toEqual([]);
  await source.stop();
});

test('objects are followed: made, changed, removed, and those that do not parse', async () => {
  const { source, rows, batches } = follow();
  // A young API server makes objects of its own meanwhile, so only batches about one object, or about none, count.
  const about = (name: string): readonly SourceBatch[] =>
    batches.filter(
      ({ changes }) => changes.length === 0 || changes.some(({ key }) => key === `default/${name}`),
    );
  await create('/api/v1/namespaces/default/services', service('early'));
  await source.start();
  expect(rows.has('services default/early')).toBe(true);
  expect(rows.has('namespaces default')).toBe(true);

  await create('/api/v1/namespaces/default/services', service('late'));
  await waitFor('late', () => rows.has('services default/late'));
  const path = '/api/v1/namespaces/default/services/late';
  const contentType = 'application/merge-patch+json';
  const patch = { spec: { ports: [{ name: 'http', port: 81 }] } };
  await client.send({ method: 'PATCH', path, contentType, body: patch });
  await waitFor('port 81', () => JSON.stringify(rows.get('services default/late')).includes('81'));

  // What nobody reads changes nothing.
  const before = about('late').length;
  const note = { metadata: { annotations: { 'example.com/note': 'x' } } };
  await client.send({ method: 'PATCH', path, contentType, body: note });
  await client.send({ method: 'DELETE', path });
  await waitFor('late gone', () => !rows.has('services default/late'));
  expect(about('late')).toHaveLength(before + 1);

  await create(policiesPath, policy('p', 'Strict'));
  await waitFor('the policy', () => rows.has('policies default/p'));
  const good = rows.get('policies default/p');
  // The CRD would refuse a wrong enum; what only the parser refuses keeps the last good form.
  const broken = { spec: { inbound: { mtls: { mode: 'Strict', prots: { '80': 'Strict' } } } } };
  await client.send({ method: 'PATCH', path: `${policiesPath}/p`, contentType, body: broken });
  await waitFor('a finding', () => (batches.at(-1)?.diagnostics.length ?? 0) > 0);
  expect(rows.get('policies default/p')).toEqual(good);
  expect(JSON.stringify(batches.at(-1)?.diagnostics)).toContain('prots');
  await source.stop();
});

test('of ConfigMaps only those are read that offer a key set, and only while they do', async () => {
  const { source, rows, batches } = follow();
  const maps = '/api/v1/namespaces/default/configmaps';
  const contentType = 'application/merge-patch+json';
  const configMap = (name: string, labels: object): object => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, labels },
    data: { 'jwks.json': keys },
  });
  const label = async (name: string, value: string | null): Promise<unknown> =>
    await client.send({
      ...{ method: 'PATCH', path: `${maps}/${name}`, contentType },
      body: { metadata: { labels: { 'skerry.dev/jwks': value } } },
    });
  await create(maps, configMap('offered', { 'skerry.dev/jwks': 'true' }));
  await create(maps, configMap('private', {}));
  await source.start();
  expect(rows.get('keySets default/offered')).toMatchObject({ kind: 'KeySet', jwks: keys });
  expect(rows.has('keySets default/private')).toBe(false);

  await label('private', 'true');
  await waitFor('the other', () => rows.has('keySets default/private'));
  await label('offered', null);
  await waitFor('the first gone', () => !rows.has('keySets default/offered'));

  const body = { data: { 'jwks.json': 'nonsense' } };
  await client.send({ method: 'PATCH', path: `${maps}/private`, contentType, body });
  await waitFor(
    'no keys',
    () => !JSON.stringify(rows.get('keySets default/private')).includes('jwks'),
  );
  expect(JSON.stringify(batches.at(-1)?.diagnostics)).toContain('not JSON');
  expect(await source.verify()).toBe(true);
  await source.stop();
});

test('of Secrets and authorities only those are read that a label offers, and of Secrets no byte else', async () => {
  const { source, rows } = follow();
  const object = (kind: string, name: string, labels: object, fields: object): object => ({
    ...{ apiVersion: 'v1', kind, metadata: { name, labels } },
    ...fields,
  });
  const secrets = '/api/v1/namespaces/default/secrets';
  const maps = '/api/v1/namespaces/default/configmaps';
  const hidden = { stringData: { password: 'hidden-from-the-mesh' } };
  const label = { 'skerry.dev/credential': 'true' };
  await create(secrets, object('Secret', 'offered', label, hidden));
  await create(secrets, object('Secret', 'private', {}, hidden));
  const bundle = { 'skerry.dev/ca-bundle': 'true' };
  await create(maps, object('ConfigMap', 'authorities', bundle, { data: { 'ca.crt': 'x' } }));
  const both = { ...bundle, 'skerry.dev/jwks': 'true' };
  await create(maps, object('ConfigMap', 'both', both, { data: { 'jwks.json': keys } }));
  await source.start();
  expect(rows.get('credentials default/offered')).toEqual({
    ...{ kind: 'Credential', key: 'default/offered' },
  });
  expect(rows.has('credentials default/private')).toBe(false);
  expect(rows.get('caBundles default/authorities')).toMatchObject({ kind: 'CaBundle' });
  // One of two labels counts.
  expect(rows.has('keySets default/both')).toBe(true);
  expect(rows.has('caBundles default/both')).toBe(false);
  expect(JSON.stringify([...rows.values()])).not.toContain('hidden');
  await client.send({
    ...{ method: 'PATCH', path: `${secrets}/offered` },
    ...{ contentType: 'application/merge-patch+json' },
    body: { metadata: { labels: { 'skerry.dev/credential': null } } },
  });
  await waitFor('it gone', () => !rows.has('credentials default/offered'));
  await source.stop();
});

test('while the API server is away the last state stays and its age grows; then it catches up', async () => {
  const { source, rows } = follow();
  await source.start();
  await create('/api/v1/namespaces/default/services', service('doomed'));
  await waitFor('doomed', () => rows.has('services default/doomed'));
  await waitFor('age 0', () => source.state().every(({ ageMs }) => ageMs === 0));

  await server.kill();
  await waitFor('age', () => source.state().every(({ ageMs }) => ageMs > 1_000));
  expect(rows.has('services default/doomed')).toBe(true);
  expect(source.state().find(({ kind }) => kind === 'services')?.problem).toBeDefined();

  await server.start();
  await waitFor('age 0 again', () => source.state().every(({ ageMs }) => ageMs === 0));
  await client.send({ method: 'DELETE', path: '/api/v1/namespaces/default/services/doomed' });
  await create('/api/v1/namespaces/default/services', headless('after'));
  await waitFor('after', () => rows.has('services default/after'));
  expect(rows.has('services default/doomed')).toBe(false);
  await source.stop();
});

test('a version that etcd has forgotten is no loss: the collection is read anew', async () => {
  const { source, rows } = follow();
  await source.start();
  await server.kill();
  // Another replica of the API server changes things, and the history is compacted, meanwhile.
  await server.start();
  await create('/api/v1/namespaces/default/services', headless('unseen'));
  await server.compact();
  await server.kill();
  await server.start();
  await waitFor('unseen', () => rows.has('services default/unseen'));
  await source.stop();
});

test('an object made anew under its old name is another one', async () => {
  const { source, rows } = follow();
  await source.start();
  const pods = '/api/v1/namespaces/default/pods';
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'twin' },
    spec: { containers: [{ name: 'c', image: 'none' }] },
  };
  await create(pods, pod);
  await waitFor('twin', () => rows.has('pods default/twin'));
  const first = (rows.get('pods default/twin') as { uid: string }).uid;
  const now = { gracePeriodSeconds: 0 };
  await client.send({ method: 'DELETE', path: `${pods}/twin`, body: now });
  await create(pods, pod);
  await waitFor('the other', () => {
    const row = rows.get('pods default/twin') as { uid: string } | undefined;
    return row !== undefined && row.uid !== first;
  });
  await source.stop();
});

test('what is held equals what the API server has, over more than a page', async () => {
  const { source, rows } = follow();
  const maps = Array.from({ length: 620 }, (_, index) => service(`many-${String(index)}`));
  for (const one of maps) await create('/api/v1/namespaces/default/services', one);
  await source.start();
  const held = [...rows.keys()].filter((key) => key.startsWith('services default/many-'));
  expect(held).toHaveLength(620);
  expect(await source.verify()).toBe(true);
  await source.stop();
});
