/** The authority's Secret on a real API server, deleted, cut off, replaced, and written by two leaders at once. */
import { expect, test } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import {
  openAuthority,
  type Authority,
  type AuthorityOptions,
  type CaWarning,
  type Svid,
} from '../../ca/index.js';
import { silentLogger, systemClock, type Clock } from '../../lib/index.js';
import { spiffeId } from '../../model/index.js';
import { certificateRequest } from '../../sidecar/index.js';
import { readPublishedRoots } from './roots-published.js';
import { createSecretCaKeeper } from './secret-ca-keeper.js';
import { createSecretCaStore, type SecretCaStore } from './secret-ca-store.js';
import { eventually, joinCluster, objectAt } from './test-kit.js';

const cluster = joinCluster();
const keys = [
  ...['active.root.pem', 'active.root-key.pem', 'active.workload-issuer.pem'],
  ...['active.server-issuer.pem', 'published.json'],
];
const yearMs = 365 * 24 * 3_600_000;

function storeIn(namespace: string): SecretCaStore {
  return createSecretCaStore({ client: cluster().client, namespace });
}

function open(store: SecretCaStore, more: Partial<AuthorityOptions> = {}): Promise<Authority> {
  return openAuthority({ store, trustDomain: 'example.org', clock: systemClock, ...more });
}

/** Signs for a pod that nobody has seen. */
async function issue(authority: Authority): Promise<Svid> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const id = spiffeId('example.org', 'shop', 'cart');
  const csr = certificateRequest(privateKey);
  const issued = await authority.issue({ spiffeId: id, csr, podUid: 'uid-1' });
  if (!issued.ok) throw new Error(issued.error.detail);
  return issued.value;
}

function pathIn(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/secrets/skerry-ca`;
}

type Data = Readonly<Record<string, string>>;

async function dataIn(namespace: string): Promise<Data> {
  const secret = (await objectAt(cluster().client, pathIn(namespace))) as
    { readonly data?: Data } | undefined;
  return secret?.data ?? {};
}

async function write(namespace: string, data: Data): Promise<void> {
  await cluster().client.send({
    ...{ method: 'PATCH', path: pathIn(namespace), body: { data } },
    contentType: 'application/merge-patch+json',
  });
}

async function remove(namespace: string): Promise<void> {
  await cluster().client.send({ method: 'DELETE', path: pathIn(namespace) });
}

/** The first `length` bytes of a value of a Secret. */
function cut(base64: string, length: number): string {
  return Buffer.from(base64, 'base64').subarray(0, length).toString('base64');
}

test.each(keys)(
  '%s cut off: who runs signs on, who starts is refused, and the Secret is left as it is',
  async (key) => {
    const namespace = await cluster().namespace();
    const running = await open(storeIn(namespace));
    const whole = await dataIn(namespace);
    const text = whole[key] ?? '';
    const { length } = Buffer.from(text, 'base64').toString().trimEnd();
    // Each byte is cut off in src/ca/truncated.test.ts.
    const lengths = [
      0,
      1,
      ...Array.from({ length: 12 }, (_, at) => Math.floor((at * length) / 12)),
    ];
    for (const at of [...new Set([...lengths, length - 1])]) {
      await write(namespace, { [key]: cut(text, at) });
      const damaged = await dataIn(namespace);
      await expect(running.reload()).rejects.toMatchObject({ code: 'CaCorrupt' });
      await expect(open(storeIn(namespace))).rejects.toMatchObject({ code: 'CaCorrupt' });
      expect(await dataIn(namespace)).toEqual(damaged);
    }
    expect((await issue(running)).root).toBe(running.slots().active.fingerprint);
    await write(namespace, whole);
    await running.reload();
    expect((await open(storeIn(namespace))).bundle()).toBe(running.bundle());
  },
  60_000,
);

test('replaced by the Secret of another mesh: who runs signs on and warns once, who starts is refused', async () => {
  const [ours, theirs] = [await cluster().namespace(), await cluster().namespace()];
  const warnings: CaWarning[] = [];
  const running = await open(storeIn(ours), {
    warn: (warning) => warnings.push(warning),
    pollMs: 50,
  });
  const bundle = running.bundle();
  await cluster().client.send({
    ...{ method: 'POST', path: `/api/v1/namespaces/${ours}/configmaps` },
    body: { metadata: { name: 'skerry-root' }, data: { 'root.pem': bundle } },
  });
  await open(storeIn(theirs));
  const before = await dataIn(ours);
  const foreign = await dataIn(theirs);
  running.start();
  try {
    await write(ours, foreign);
    await eventually(() => Promise.resolve(warnings.length > 0 ? true : undefined));
    expect(warnings.map(({ code }) => code)).toEqual(['store-not-adopted']);
    expect((await issue(running)).root).toBe(running.slots().active.fingerprint);
    expect(running.bundle()).toBe(bundle);
    // What runs does not put its own back over it: somebody meant something by it.
    expect(await dataIn(ours)).toEqual(foreign);
    const { client } = cluster();
    const starting = storeIn(ours);
    const found = await readPublishedRoots({ client, rootNamespace: ours, store: starting });
    const publishedBundle = found?.bundle ?? bundle;
    await expect(open(starting, { publishedBundle })).rejects.toMatchObject({ code: 'CaMismatch' });
    await write(ours, before);
    expect((await running.reload()).active.fingerprint).toBe(
      (await open(storeIn(ours))).slots().active.fingerprint,
    );
  } finally {
    running.stop();
  }
}, 60_000);

test('deleted while two believe to lead: both put it back, and it is the same, once', async () => {
  const namespace = await cluster().namespace();
  const stores = [storeIn(namespace), storeIn(namespace)];
  const [one] = await Promise.all(stores.map((store) => open(store)));
  const before = await dataIn(namespace);
  await remove(namespace);
  const keepers = stores.map((store) =>
    createSecretCaKeeper({ store, clock: systemClock, logger: silentLogger, mayWrite: () => true }),
  );
  await Promise.all(keepers.map((keeper) => keeper.look()));
  expect(await dataIn(namespace)).toEqual(before);
  expect((await open(storeIn(namespace))).bundle()).toBe(one?.bundle());
}, 60_000);

test('deleted and an intermediate renewed before anybody has looked: the root is the same', async () => {
  const namespace = await cluster().namespace();
  let nowMs = Date.now();
  const clock: Clock = { now: () => nowMs, after: () => () => undefined };
  const running = await open(storeIn(namespace), { clock });
  const before = await dataIn(namespace);
  await remove(namespace);
  nowMs += 0.7 * yearMs;
  await running.maintain();
  const after = await dataIn(namespace);
  expect(after['active.root.pem']).toBe(before['active.root.pem']);
  expect(after['active.workload-issuer.pem']).not.toBe(before['active.workload-issuer.pem']);
  expect((await open(storeIn(namespace), { clock })).bundle()).toBe(running.bundle());
}, 60_000);

test('two leaders that renew the intermediates at once leave a Secret that whoever starts can use', async () => {
  const namespace = await cluster().namespace();
  let nowMs = Date.now();
  const clock: Clock = { now: () => nowMs, after: () => () => undefined };
  const leaders = await Promise.all([1, 2, 3].map(() => open(storeIn(namespace), { clock })));
  nowMs += 0.7 * yearMs;
  await Promise.all(leaders.map((leader) => leader.maintain()));
  await Promise.all(leaders.map((leader) => leader.reload()));
  const later = await open(storeIn(namespace), { clock });
  const svids = await Promise.all([...leaders, later].map((leader) => issue(leader)));
  expect(new Set(svids.map(({ root }) => root))).toEqual(
    new Set([later.slots().active.fingerprint]),
  );
  // From then on all sign with what the Secret holds.
  const issuers = svids.map(({ chainPem }) => chainPem.split(/(?<=-END CERTIFICATE-----\n)/)[1]);
  expect(new Set(issuers).size).toBe(1);
}, 60_000);
