/** The authority in a Secret of a real API server: one root for all, and none where one was lost. */
import { expect, test } from '@jest/globals';
import { randomBytes, X509Certificate } from 'node:crypto';
import {
  defaultLifetimes,
  importIssuers,
  makeOfflineRoot,
  openAuthority,
  requestIssuers,
  restoreBackup,
  signRequests,
  takeBackup,
  type Authority,
  type AuthorityOptions,
} from '../../ca/index.js';
import { silentLogger, systemClock } from '../../lib/index.js';
import { readPublishedRoots } from './roots-published.js';
import { createSecretCaKeeper } from './secret-ca-keeper.js';
import { createSecretCaStore, type SecretCaStore } from './secret-ca-store.js';
import { joinCluster, objectAt } from './test-kit.js';

const cluster = joinCluster();

function storeIn(namespace: string): SecretCaStore {
  return createSecretCaStore({ client: cluster().client, namespace });
}

function open(store: SecretCaStore, more: Partial<AuthorityOptions> = {}): Promise<Authority> {
  return openAuthority({ store, trustDomain: 'example.org', clock: systemClock, ...more });
}

function secretPath(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/secrets/skerry-ca`;
}

async function publish(namespace: string, pem: string, labels = {}): Promise<void> {
  await cluster().client.send({
    ...{ method: 'POST', path: `/api/v1/namespaces/${namespace}/configmaps` },
    body: { metadata: { name: 'skerry-root', labels }, data: { 'root.pem': pem } },
  });
}

test('five replicas that start at once end with one root, twenty times', async () => {
  for (let round = 0; round < 20; round += 1) {
    const namespace = await cluster().namespace();
    const all = await Promise.all(Array.from({ length: 5 }, () => open(storeIn(namespace))));
    expect(new Set(all.map((authority) => authority.bundle())).size).toBe(1);
    const later = await open(storeIn(namespace));
    expect(later.bundle()).toBe(all[0]?.bundle());
  }
}, 120_000);

test('what one replica signs verifies under the bundle of another', async () => {
  const namespace = await cluster().namespace();
  const [one, two] = [await open(storeIn(namespace)), await open(storeIn(namespace))];
  const { chainPem } = await one.serverCertificate(['skerry.skerry-system.svc']);
  const [, issuerPem = ''] = chainPem.split(/(?<=-END CERTIFICATE-----\n)/);
  const root = new X509Certificate(two.bundle());
  expect(new X509Certificate(issuerPem).verify(root.publicKey)).toBe(true);
});

test('a slot or a record that exists is not made again', async () => {
  const store = storeIn(await cluster().namespace());
  expect(await store.readSlot('active')).toBeUndefined();
  expect(await store.createSlot('active', new Map([['root.pem', 'a']]))).toBe(true);
  expect(await store.createSlot('active', new Map([['root.pem', 'b']]))).toBe(false);
  expect(await store.createSlot('next', new Map([['root.pem', 'c']]))).toBe(true);
  expect(await store.createRecord('published.json', '1')).toBe(true);
  expect(await store.createRecord('published.json', '2')).toBe(false);
  expect(await store.writeSlotFile('a', 'workload-issuer.pem', 'd')).toBe(true);
  expect(await store.writeSlotFile('z', 'workload-issuer.pem', 'e')).toBe(false);
  expect(await store.readRecord('published.json')).toBe('1');
  expect(await store.readSlot('active')).toEqual(
    new Map([
      ['root.pem', 'a'],
      ['workload-issuer.pem', 'd'],
    ]),
  );
  expect(await store.readSlot('next')).toEqual(new Map([['root.pem', 'c']]));
});

test('slots and records move at once, and only from the picture that was read', async () => {
  const store = storeIn(await cluster().namespace());
  await store.createSlot('active', new Map([['root.pem', 'a']]));
  await store.createRecord('published.json', 'a');
  const { revision } = await store.read();
  const next = new Map([['root.pem', 'b']]);
  const records = new Map([['published.json', 'a b']]);
  expect(await store.rearrange(revision, { active: 'active', next }, records)).toBe(true);
  expect(await store.rearrange(revision, { active: 'active' }, new Map())).toBe(false);
  const moved = await store.read();
  const arrangement = { active: 'next', retired: 'active' } as const;
  expect(await store.rearrange(moved.revision, arrangement, new Map())).toBe(true);
  const { slots, records: kept } = await store.read();
  expect([...slots].map(([slot, files]) => [slot, files.get('root.pem')])).toEqual([
    ['active', 'b'],
    ['retired', 'a'],
  ]);
  expect(kept).toEqual(records);
  expect(await store.writeSlotFile('a', 'server-issuer.pem', 'c')).toBe(true);
  expect((await store.readSlot('retired'))?.get('server-issuer.pem')).toBe('c');
});

test('of five replicas that move the slots from one picture, one does', async () => {
  const namespace = await cluster().namespace();
  await storeIn(namespace).createSlot('active', new Map([['root.pem', 'a']]));
  const { revision } = await storeIn(namespace).read();
  const moved = await Promise.all(
    ['b', 'c', 'd', 'e', 'f'].map((root) =>
      storeIn(namespace).rearrange(
        revision,
        { active: 'active', next: new Map([['root.pem', root]]) },
        new Map(),
      ),
    ),
  );
  expect(moved.filter(Boolean)).toHaveLength(1);
});

test('ten writers at once lose nothing', async () => {
  const namespace = await cluster().namespace();
  const names = Array.from({ length: 10 }, (_, at) => `r${String(at)}.json`);
  const made = await Promise.all(names.map((name) => storeIn(namespace).createRecord(name, name)));
  expect(made).toEqual(names.map(() => true));
  const store = storeIn(namespace);
  for (const name of names) expect(await store.readRecord(name)).toBe(name);
});

test('an authority that an operator brings, with its root elsewhere, is used', async () => {
  const [there, here] = [await cluster().namespace(), await cluster().namespace()];
  const original = await open(storeIn(there));
  const files = new Map(await storeIn(there).readSlot('active'));
  files.delete('root-key.pem');
  const data = Object.fromEntries(
    [...files].map(([file, text]) => [`active.${file}`, Buffer.from(text).toString('base64')]),
  );
  await cluster().client.send({
    ...{ method: 'POST', path: `/api/v1/namespaces/${here}/secrets` },
    body: { metadata: { name: 'skerry-ca' }, type: 'Opaque', data },
  });
  const authority = await open(storeIn(here));
  expect(authority.bundle()).toBe(original.bundle());
  expect((await authority.serverCertificate(['a.b'])).chainPem).toContain('BEGIN CERTIFICATE');
});

test('a Secret that is deleted while replicas run is put back with the same bytes', async () => {
  const namespace = await cluster().namespace();
  const store = storeIn(namespace);
  const authority = await open(store);
  const dataOf = async (): Promise<unknown> => {
    const secret = await objectAt(cluster().client, secretPath(namespace));
    return typeof secret === 'object' && secret !== null && 'data' in secret ? secret.data : {};
  };
  const before = await dataOf();
  await cluster().client.send({ method: 'DELETE', path: secretPath(namespace) });
  let isLeader = false;
  const keeper = createSecretCaKeeper({
    ...{ store, clock: systemClock, logger: silentLogger },
    mayWrite: () => isLeader,
  });
  await keeper.look();
  expect(await objectAt(cluster().client, secretPath(namespace))).toBeUndefined();
  isLeader = true;
  await keeper.look();
  expect(await dataOf()).toEqual(before);
  expect((await open(storeIn(namespace))).bundle()).toBe(authority.bundle());
});

test('a Secret that is gone, and whose root was published, is not replaced by a new root', async () => {
  const namespace = await cluster().namespace();
  const { client } = cluster();
  const authority = await open(storeIn(namespace));
  await publish(namespace, authority.bundle());
  await client.send({ method: 'DELETE', path: secretPath(namespace) });
  const store = storeIn(namespace);
  const roots = await readPublishedRoots({ client, rootNamespace: namespace, store });
  expect(roots).toEqual({
    bundle: authority.bundle(),
    namespaces: expect.arrayContaining([namespace]),
  });
  const opened = open(store, { publishedBundle: roots?.bundle ?? '' });
  await expect(opened).rejects.toMatchObject({ code: 'CaRootMissing' });
  expect(await objectAt(client, secretPath(namespace))).toBeUndefined();
});

test('a ConfigMap of ours in another namespace is a trace of a lost root; a stranger’s is not', async () => {
  const [gone, shop, tenant] = await Promise.all([1, 2, 3].map(() => cluster().namespace()));
  const { client } = cluster();
  const store = storeIn(gone ?? '');
  await publish(tenant ?? '', 'mine');
  const find = (): ReturnType<typeof readPublishedRoots> =>
    readPublishedRoots({ client, rootNamespace: gone ?? '', store });
  expect((await find())?.namespaces ?? []).not.toContain(tenant);
  await publish(shop ?? '', 'old', { 'app.kubernetes.io/managed-by': 'skerry' });
  expect((await find())?.namespaces).toContain(shop);
});

test('while the authority is there, only the root namespace speaks, and spoilt text does not', async () => {
  const namespace = await cluster().namespace();
  const { client } = cluster();
  const store = storeIn(namespace);
  await open(store);
  await publish(namespace, 'rubbish');
  expect(await readPublishedRoots({ client, rootNamespace: namespace, store })).toBeUndefined();
});

test('a Secret that may not be read is reported by name', async () => {
  const store = createSecretCaStore({ client: cluster().client, namespace: 'Not A Name' });
  await expect(store.createRecord('x', 'y')).rejects.toMatchObject({
    code: 'CaStore',
    message: expect.stringContaining('skerry-ca'),
  });
});

test('intermediates of an offline root are requested from, and imported into, the Secret', async () => {
  const namespace = await cluster().namespace();
  const store = storeIn(namespace);
  const minting = { ...{ nowMs: Date.now(), backdateMs: 300_000, lifeMs: 864e5 }, randomBytes };
  const [trustDomain, passphrase] = ['example.org', 'correct horse battery'];
  const root = await makeOfflineRoot(trustDomain, passphrase, minting);
  const { csrPem: requests } = await requestIssuers(store, trustDomain);
  await expect(open(storeIn(namespace))).rejects.toMatchObject({ code: 'CaRootMissing' });
  const { certPem: rootPem, sealedKey } = root;
  const signed = await signRequests({ rootPem, sealedKey, passphrase, requests }, minting);
  if (!signed.ok) throw new Error(signed.error);
  const imported = await importIssuers({
    ...{ store, trustDomain, pem: signed.value.pem, serverName: 'skerry.skerry-system.svc' },
    ...{ clock: systemClock, lifetimes: defaultLifetimes, randomBytes },
  });
  expect(imported).toMatchObject({ value: { kind: 'first', root: root.fingerprint } });
  const authority = await open(storeIn(namespace));
  expect(authority.bundle()).toBe(rootPem);
  const { data = {} } = (await cluster().client.send({
    ...{ method: 'GET', path: secretPath(namespace) },
  })) as { data?: Readonly<Record<string, string>> };
  expect(Object.keys(data).sort()).toEqual([
    'active.root.pem',
    'active.server-issuer.pem',
    'active.workload-issuer.pem',
    'published.json',
  ]);
}, 60_000);

test('a Secret that is lost comes back from a backup, and a control plane goes on with its root', async () => {
  const namespace = await cluster().namespace();
  const store = storeIn(namespace);
  const [trustDomain, passphrase] = ['cluster.local', 'correct horse battery'];
  const before = await openAuthority({ store, trustDomain, clock: systemClock });
  const { text, root } = await takeBackup(store, trustDomain, passphrase, Date.now());
  await cluster().client.send({ method: 'DELETE', path: secretPath(namespace) });
  const options = { store, trustDomain, passphrase, text, nowMs: Date.now() };
  expect(await restoreBackup({ ...options, over: 'older' })).toMatchObject({ value: { root } });
  const publishedBundle = before.bundle();
  const lost = { store: storeIn(namespace), trustDomain, clock: systemClock, publishedBundle };
  const after = await openAuthority(lost);
  expect(after.slots().active.workload?.chainPem).toBe(before.slots().active.workload?.chainPem);
}, 60_000);
