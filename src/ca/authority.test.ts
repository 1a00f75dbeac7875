/** The authority at work: one root, the right leaves, and renewal. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spiffeId } from '../model/index.js';
import type { Authority } from './authority.js';
import type { Svid } from './issued.js';
import type { ServerCertificate } from './server-certificate.js';
import { keyFingerprintOf, keyIdOf } from './slot.js';
import { openDirectoryStore } from './store-directory.js';
import { freshRequest, verifyChain } from './test-kit.js';
import {
  cart,
  createAuthorityWorld,
  dayMs,
  hourMs,
  issue,
  type AuthorityWorld,
} from './testing/authority-world.js';

let directory: AuthorityWorld['directory'];
let clock: AuthorityWorld['clock'];
let warnings: AuthorityWorld['warnings'];
let audit: AuthorityWorld['audit'];
let open: AuthorityWorld['open'];
let fileIn: AuthorityWorld['fileIn'];

beforeEach(() => {
  ({ directory, clock, warnings, audit, open, fileIn } = createAuthorityWorld());
});

test('an issued chain verifies under the bundle and lives 12 hours, backdated 5 minutes', async () => {
  const authority = await open();
  const svid = await issue(authority, freshRequest());
  expect(verifyChain(svid.chainPem, authority.bundle())).toMatchObject({ isOk: true });
  expect(svid.notBeforeMs).toBe(clock.now() - 5 * 60_000);
  expect(svid.notAfterMs).toBe(clock.now() + 12 * hourMs);
  expect(svid.renewAtMs).toBe(clock.now() + 6 * hourMs);
  expect(new X509Certificate(svid.chainPem).subjectAltName).toBe(`URI:${cart}`);
});

test('each issuance is audited once, an answer from memory never', async () => {
  const authority = await open();
  const csr = freshRequest();
  const svid = await issue(authority, csr);
  await issue(authority, csr);
  const { serial, notAfterMs, root } = svid;
  const certificate = new X509Certificate(svid.chainPem);
  const { active } = authority.slots();
  const issuers = [active.workload, active.server].flatMap((one) => (one ? [keyIdOf(one)] : []));
  expect(audit).toEqual([
    { kind: 'roots', active: root, issuers },
    {
      ...{ kind: 'workload', serial, spiffeId: cart, podUid: 'uid-1', root, issuer: issuers[0] },
      ...{ key: keyFingerprintOf(certificate.publicKey) },
      notAfter: new Date(notAfterMs).toISOString(),
    },
  ]);
});

test('a certificate of our own server, an intermediate made here and roots that move are audited', async () => {
  const authority = await open();
  const server = await authority.serverCertificate(['skerry.skerry-system.svc']);
  expect(audit.at(-1)).toMatchObject({
    ...{ kind: 'server', names: ['skerry.skerry-system.svc'], root: server.root },
    key: keyFingerprintOf(new X509Certificate(server.chainPem).publicKey),
  });
  clock.advance(250 * 24 * hourMs);
  await authority.maintain();
  const made = audit.filter(({ kind }) => kind === 'intermediate');
  expect(made).toMatchObject([{ of: 'workload' }, { of: 'server' }]);
  await authority.reload();
  const { workload, server: other } = authority.slots().active;
  expect(audit.at(-1)).toMatchObject({
    kind: 'roots',
    issuers: [workload, other].flatMap((one) => (one ? [keyIdOf(one)] : [])),
  });
});

test('a restarted authority has the same root and answers with the same bytes until renewal', async () => {
  const csr = freshRequest();
  const first = await open();
  const before = await issue(first, csr);
  clock.advance(5 * hourMs);
  const second = await open();
  expect(second.bundle()).toBe(first.bundle());
  expect(await issue(second, csr)).toEqual(before);
  clock.advance(hourMs);
  const after = await issue(second, csr);
  expect(after.serial).not.toBe(before.serial);
  expect(after.notAfterMs).toBe(clock.now() + 12 * hourMs);
});

describe('where the store keeps no chains', () => {
  async function openForgetful(): Promise<Authority> {
    const store = await openDirectoryStore(directory);
    return open({ store: { ...store, readIssued: () => Promise.resolve(undefined) } });
  }

  test('a pod that is gone is forgotten, and no other', async () => {
    const authority = await openForgetful();
    const [gone, other] = [freshRequest(), freshRequest()];
    const before = await issue(authority, gone);
    const kept = await authority.issue({ spiffeId: cart, csr: other, podUid: 'uid-2' });
    expect(await issue(authority, gone)).toBe(before);
    authority.forget('uid-1');
    expect((await issue(authority, gone)).serial).not.toBe(before.serial);
    expect(await authority.issue({ spiffeId: cart, csr: other, podUid: 'uid-2' })).toEqual(kept);
  });

  test('a pod’s new key takes the place of its former one', async () => {
    const authority = await openForgetful();
    const [former, now] = [freshRequest(), freshRequest()];
    const before = await issue(authority, former);
    const after = await issue(authority, now);
    expect(await issue(authority, now)).toBe(after);
    expect((await issue(authority, former)).serial).not.toBe(before.serial);
  });
});

test('the same key under another identity gets a certificate of its own', async () => {
  const authority = await open();
  const csr = freshRequest();
  const other = spiffeId('example.org', 'shop', 'basket');
  expect((await issue(authority, csr, other)).chainPem).not.toBe(
    (await issue(authority, csr)).chainPem,
  );
});

test('expired chains are removed from the store', async () => {
  await issue(await open(), freshRequest());
  clock.advance(13 * hourMs);
  await open();
  expect(readdirSync(fileIn('issued'))).toEqual([]);
});

test.each([
  ['another trust domain', spiffeId('evil.org', 'shop', 'cart'), 'identity'],
  ['a namespace with a slash', spiffeId('example.org', 'shop/sa/admin', 'cart'), 'identity'],
  ['an empty service account', spiffeId('example.org', 'shop', ''), 'identity'],
])('a request for %s is refused', async (_what, id, code) => {
  const refused = await (await open()).issue({ spiffeId: id, csr: freshRequest(), podUid: 'u' });
  expect(refused).toMatchObject({ ok: false, error: { code } });
  expect(audit.map(({ kind }) => kind)).toEqual(['roots']);
});

test('a request that does not prove possession is refused', async () => {
  const refused = await (await open()).issue({ spiffeId: cart, csr: 'hello', podUid: 'u' });
  expect(refused).toMatchObject({ ok: false, error: { code: 'csr' } });
});

test('an intermediate is replaced after two thirds of its life and leaves never outlive it', async () => {
  const first = await open();
  const issuerOf = (svid: Svid): string =>
    svid.chainPem.split(/(?<=-----END CERTIFICATE-----\n)/)[1] ?? '';
  const before = issuerOf(await issue(first, freshRequest()));
  clock.advance(240 * dayMs);
  expect(issuerOf(await issue(first, freshRequest()))).toBe(before);
  clock.advance(5 * dayMs);
  const [a, b] = await Promise.all([issue(first, freshRequest()), issue(first, freshRequest())]);
  expect(issuerOf(a)).not.toBe(before);
  expect(issuerOf(b)).toBe(issuerOf(a));
  expect(issuerOf(await issue(await open(), freshRequest()))).toBe(issuerOf(a));
  expect(warnings).toEqual([]);
});

test('without the key of the root the intermediate signs on, warns when due, and stops when expired', async () => {
  await open();
  rmSync(fileIn('active', 'root-key.pem'));
  const authority = await open();
  expect((await issue(authority, freshRequest())).serial).toMatch(/^[0-9a-f]{32}$/);
  clock.advance(364.9 * dayMs);
  const late = await issue(authority, freshRequest());
  expect(late.notAfterMs).toBe(
    Date.parse(new X509Certificate(readFileSync(fileIn('active', 'workload-issuer.pem'))).validTo),
  );
  expect(warnings.map((warning) => warning.code)).toContain('issuer-not-renewed');
  clock.advance(dayMs);
  const refused = await authority.issue({ spiffeId: cart, csr: freshRequest(), podUid: 'u' });
  expect(refused).toMatchObject({ ok: false, error: { code: 'issuer-expired' } });
});

test('replicas that share a store share the intermediate that one of them renews', async () => {
  const [one, two] = [await open(), await open()];
  clock.advance(250 * dayMs);
  await one.maintain();
  const renewed = readFileSync(fileIn('active', 'workload-issuer.pem'), 'utf8');
  await two.maintain();
  expect(readFileSync(fileIn('active', 'workload-issuer.pem'), 'utf8')).toBe(renewed);
  const [, issuerPem = ''] = (await issue(two, freshRequest())).chainPem.split(
    /(?<=-END CERTIFICATE-----\n)/,
  );
  expect(renewed).toContain(issuerPem);
});

test('an intermediate that an operator brings replaces one that cannot be renewed here', async () => {
  const other = await open();
  const keyPem = readFileSync(fileIn('active', 'root-key.pem'));
  rmSync(fileIn('active', 'root-key.pem'));
  const authority = await open();
  writeFileSync(fileIn('active', 'root-key.pem'), keyPem, { mode: 0o600 });
  clock.advance(366 * dayMs);
  await authority.maintain();
  const asked = { spiffeId: cart, csr: freshRequest(), podUid: 'u' };
  expect(await authority.issue(asked)).toMatchObject({ ok: false });
  await other.maintain();
  clock.advance(60_000);
  expect(await authority.issue(asked)).toMatchObject({ ok: true });
});

test('the hourly maintenance renews without a request', async () => {
  const authority = await open();
  authority.start();
  const before = readFileSync(fileIn('active', 'server-issuer.pem'), 'utf8');
  clock.advance(250 * dayMs);
  await authority.maintain();
  authority.stop();
  expect(readFileSync(fileIn('active', 'server-issuer.pem'), 'utf8')).not.toBe(before);
});

test('a server certificate verifies, keeps until half its life, and is handed out anew then', async () => {
  const authority = await open();
  const handed: ServerCertificate[] = [];
  const stop = await authority.keepServerCertificate(['skerry.local'], (one) => handed.push(one));
  expect(verifyChain(handed[0]?.chainPem ?? '', authority.bundle()).isOk).toBe(true);
  expect(await authority.serverCertificate(['skerry.local'])).toBe(handed[0]);
  clock.advance(hourMs);
  await authority.serverCertificate(['skerry.local']);
  await new Promise(setImmediate);
  expect(handed).toHaveLength(1);
  clock.advance(15 * dayMs);
  const renewed = await authority.serverCertificate(['skerry.local']);
  await new Promise(setImmediate);
  expect(handed).toEqual([handed[0], renewed]);
  stop();
});

test.each([[[]], [['']], [['Upper.case']], [['10.0.0.1 ']], [['a..b']]])(
  'a server certificate for %j is refused',
  async (names) => {
    await expect((await open()).serverCertificate(names)).rejects.toMatchObject({
      code: 'CaMismatch',
    });
  },
);

test('the bundle holds the roots of all slots and only active signs', async () => {
  const active = await open();
  const others = [
    await openDirectoryStore(fileIn('other-1')),
    await openDirectoryStore(fileIn('other-2')),
  ];
  const store = await openDirectoryStore(directory);
  for (const [index, slot] of (['next', 'retired'] as const).entries()) {
    const other = others[index];
    if (other === undefined) throw new Error('expected a store');
    await open({ store: other });
    const rootPem = (await other.readSlot('active'))?.get('root.pem') ?? '';
    await store.createSlot(slot, new Map([['root.pem', rootPem]]));
  }
  const again = await open();
  expect(again.bundle()).toContain(active.bundle());
  expect(again.bundle().match(/BEGIN CERTIFICATE/g)).toHaveLength(3);
  const svid = await issue(again, freshRequest());
  expect(verifyChain(svid.chainPem, active.bundle()).isOk).toBe(true);
});

test('a root that was published and is gone is never replaced', async () => {
  await open();
  rmSync(fileIn('active'), { recursive: true });
  await expect(open()).rejects.toMatchObject({ code: 'CaRootMissing' });
  expect(readdirSync(directory)).not.toContain('active');
});

test('a root known elsewhere forbids making one and must be the active one', async () => {
  const bundle = (await open()).bundle();
  await expect(open({ publishedBundle: bundle })).resolves.toBeDefined();
  const store = await openDirectoryStore(fileIn('other'));
  await expect(open({ store, publishedBundle: bundle })).rejects.toMatchObject({
    code: 'CaRootMissing',
  });
  await open({ store });
  await expect(open({ store, publishedBundle: bundle })).rejects.toMatchObject({
    code: 'CaMismatch',
  });
});

test('a CA of another trust domain is refused', async () => {
  await open();
  await expect(open({ trustDomain: 'other.org' })).rejects.toMatchObject({ code: 'CaMismatch' });
});

test('an expired root is refused', async () => {
  await open();
  clock.advance(3651 * dayMs);
  await expect(open()).rejects.toMatchObject({ code: 'CaExpired' });
});

test('a thousand requests checked, signed and stored cost less than 5 ms of CPU each', async () => {
  const inner = await openDirectoryStore(directory);
  const authority = await open({ store: inner });
  const requests = Array.from({ length: 1000 }, freshRequest);
  await issue(authority, freshRequest());
  const start = process.cpuUsage();
  for (const [at, csr] of requests.entries()) await issue(authority, csr, cart, `uid-${at}`);
  const { user, system } = process.cpuUsage(start);
  const msPerLeaf = (user + system) / 1000 / requests.length;
  expect(msPerLeaf).toBeLessThan(5);
});
