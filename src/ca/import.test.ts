/** An authority whose root is elsewhere: our own offline root, and a customer's PKI made by openssl. */
import { beforeEach, expect, test } from '@jest/globals';
import { createPrivateKey, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock, type Clock } from '../lib/index.js';
import { spiffeId } from '../model/index.js';
import { openAuthority, type Authority } from './authority.js';
import { defaultLifetimes } from './authority-options.js';
import { expiryAlarms } from './expiry.js';
import { importIssuers, type ImportOptions } from './import.js';
import { makeOfflineRoot, signRequests, type OfflineRoot } from './offline-root.js';
import { forgetRequest, requestIssuers } from './pending-request.js';
import { createRotation } from './rotation.js';
import { openDirectoryStore } from './store-directory.js';
import type { CaStore } from './store.js';
import { freshRequest, heldClock, openssl, temporaryDirectory, verifyChain } from './test-kit.js';

const trustDomain = 'example.org';
const passphrase = 'correct horse battery';
const dayMs = 24 * 60 * 60 * 1000;
const clock = heldClock();
const minting = { nowMs: clock.now(), backdateMs: 300_000, lifeMs: 365 * dayMs, randomBytes };

let directory: string;
let store: CaStore;

beforeEach(async () => {
  directory = join(temporaryDirectory(), 'ca');
  store = await openDirectoryStore(directory);
});

function open(at: Clock = clock): Promise<Authority> {
  return openAuthority({ store, trustDomain, clock: at });
}

function bring(pem: string, more: Partial<ImportOptions> = {}): ReturnType<typeof importIssuers> {
  return importIssuers({
    ...{ store, trustDomain, pem, clock, lifetimes: defaultLifetimes, randomBytes },
    ...{ serverName: 'skerry.skerry-system.svc', ...more },
  });
}

async function sign(root: OfflineRoot, requests: string, lifeMs = minting.lifeMs): Promise<string> {
  const { certPem: rootPem, sealedKey } = root;
  const input = { rootPem, sealedKey, passphrase, requests };
  const signed = await signRequests(input, { ...minting, lifeMs });
  if (!signed.ok) throw new Error(signed.error);
  return signed.value.pem;
}

async function issue(authority: Authority): Promise<string> {
  const id = spiffeId(trustDomain, 'shop', 'cart');
  const request = { spiffeId: id, csr: freshRequest(), podUid: 'uid' };
  const svid = await authority.issue(request);
  if (!svid.ok) throw new Error(svid.error.detail);
  return svid.value.chainPem;
}

function saying(text: string): unknown {
  return expect.stringContaining(text);
}

function makeRoot(domain = trustDomain): Promise<OfflineRoot> {
  return makeOfflineRoot(domain, passphrase, minting);
}

test('an offline root signs what is requested, and its mesh works without its key', async () => {
  const root = await makeRoot();
  expect(root.sealedKey).toMatch(/^-----BEGIN SKERRY ROOT KEY-----/);
  const { csrPem } = await requestIssuers(store, trustDomain);
  expect((await requestIssuers(store, trustDomain)).csrPem).toBe(csrPem);
  expect(await bring(await sign(root, csrPem))).toMatchObject({
    ok: true,
    value: { kind: 'first', root: root.fingerprint },
  });
  const authority = await open();
  expect(authority.bundle()).toBe(root.certPem);
  expect(verifyChain(await issue(authority), authority.bundle())).toMatchObject({ isOk: true });
  expect(authority.slots().active.rootKey).toBeUndefined();
  expect(await store.readRecord('request.json')).toBeUndefined();
});

test('a control plane that starts while certificates are awaited makes no root of its own', async () => {
  await requestIssuers(store, trustDomain);
  await expect(open()).rejects.toMatchObject({ code: 'CaRootMissing' });
  await forgetRequest(store);
  await expect(open()).resolves.toBeDefined();
});

test('alarms tell in time that a new request is due, and its answer is taken up while running', async () => {
  const root = await makeRoot();
  await bring(await sign(root, (await requestIssuers(store, trustDomain)).csrPem, 100 * dayMs));
  const later = heldClock(clock.now());
  const authority = await open(later);
  const before = await issue(authority);
  later.advance(93 * dayMs);
  const alarms = expiryAlarms(authority.slots(), later.now());
  expect(alarms.map(({ what, level }) => `${what} ${String(level)}`)).toEqual([
    'workload-issuer 7',
    'server-issuer 7',
  ]);
  expect(alarms[0]?.remedy).toContain('skerry ca csr');
  const { csrPem } = await requestIssuers(store, trustDomain);
  expect(await bring(await sign(root, csrPem))).toMatchObject({ value: { kind: 'renewed' } });
  await authority.reload();
  const after = await issue(authority);
  expect(after.split('-----END')[1]).not.toBe(before.split('-----END')[1]);
  expect(expiryAlarms(authority.slots(), later.now())).toEqual([]);
});

test('another root that is brought waits for evidence before it signs; ours makes none beside it', async () => {
  const [first, second] = [await makeRoot(), await makeRoot()];
  await bring(await sign(first, (await requestIssuers(store, trustDomain)).csrPem));
  const authority = await open();
  const parts = { authority, store, clock, lifetimes: defaultLifetimes, randomBytes };
  const rotation = createRotation({
    ...parts,
    evidence: () => Promise.resolve({ replicas: [], silent: [], pods: [], unpublished: [] }),
    ...{ mayAdvance: () => true, onStep: () => undefined, onFailure: () => undefined },
  });
  expect(await rotation.start('staged')).toMatchObject({ ok: false });
  const { csrPem } = await requestIssuers(store, trustDomain);
  expect(await bring(await sign(second, csrPem))).toMatchObject({ value: { kind: 'rotating' } });
  await authority.reload();
  expect(rotation.view()).toMatchObject({
    phase: 'publishing',
    roots: { active: first.fingerprint, next: second.fingerprint },
  });
  await rotation.look();
  expect(rotation.view()).toMatchObject({
    phase: 'draining',
    roots: { active: second.fingerprint, retired: first.fingerprint },
  });
  expect(verifyChain(await issue(authority), second.certPem)).toMatchObject({ isOk: true });
});

test('a root signs for its own trust domain, with its own passphrase, and only our requests', async () => {
  const root = await makeRoot();
  const { certPem: rootPem, sealedKey } = root;
  const { csrPem: requests } = await requestIssuers(store, 'evil.org');
  const input = { rootPem, sealedKey, passphrase, requests };
  expect(await signRequests(input, minting)).toMatchObject({
    error: 'the request is of trust domain evil.org, but this root is of example.org',
  });
  expect(await signRequests({ ...input, requests: freshRequest() }, minting)).toMatchObject({
    error: saying('expected a request by skerry ca csr'),
  });
  await forgetRequest(store);
  const own = (await requestIssuers(store, trustDomain)).csrPem;
  const wrong = { ...input, requests: own, passphrase: 'incorrect horse' };
  expect(await signRequests(wrong, minting)).toMatchObject({
    error: saying('passphrase is wrong'),
  });
  const late = { ...minting, nowMs: minting.nowMs + 366 * dayMs };
  expect(await signRequests({ ...input, requests: own }, late)).toMatchObject({
    error: saying('the root ended on'),
  });
});

test('each wrong file is named for what it is, and changes nothing', async () => {
  const [root, foreign] = [await makeRoot(), await makeRoot('evil.org')];
  const { csrPem } = await requestIssuers(store, trustDomain);
  const good = await sign(root, csrPem);
  const elsewhere = await openDirectoryStore(join(temporaryDirectory(), 'ca'));
  const other = await sign(root, (await requestIssuers(elsewhere, trustDomain)).csrPem);
  const theirs = await openDirectoryStore(join(temporaryDirectory(), 'ca'));
  const evil = await sign(foreign, (await requestIssuers(theirs, 'evil.org')).csrPem);
  const refusals: readonly (readonly [string, string, Partial<ImportOptions>?])[] = [
    [other, 'they were made for another request'],
    [good.split(root.certPem)[0] ?? '', 'append the certificate of'],
    ['nonsense', 'found none that is whole'],
    [root.sealedKey, 'found SKERRY ROOT KEY'],
    [good, 'has expired', { clock: heldClock(clock.now() + 400 * dayMs) }],
    [good, 'not valid yet', { clock: heldClock(clock.now() - dayMs) }],
    [good, 'requested for trust domain example.org', { trustDomain: 'evil.org' }],
  ];
  for (const [pem, why, more] of refusals) {
    expect(await bring(pem, more)).toMatchObject({
      error: saying(why),
    });
  }
  expect(await importIssuers({ ...optionsFor(theirs, evil), trustDomain })).toMatchObject({
    error: saying('evil.org'),
  });
  for (let at = 0; at < good.length; at += 97) {
    expect(await bring(good.slice(0, at))).toMatchObject({ ok: false });
  }
  expect((await store.read()).slots.size).toBe(0);
  expect(await bring(good)).toMatchObject({ ok: true });
});

function optionsFor(at: CaStore, pem: string): ImportOptions {
  const parts = { clock, lifetimes: defaultLifetimes, randomBytes };
  return { ...parts, store: at, pem, trustDomain, serverName: 'skerry.skerry-system.svc' };
}

/** A PKI of a customer: a root, a policy CA, and an intermediate for a mesh, all of these keys. */
function customerPki(
  keys: readonly string[],
  extensions: string,
): { readonly pem: string; readonly key: string } {
  const at = temporaryDirectory();
  const path = (name: string): string => join(at, name);
  const ca = 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n';
  const ids = 'subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n';
  writeFileSync(path('root.ext'), `${ca}subjectKeyIdentifier=hash\n`);
  writeFileSync(path('policy.ext'), `${ca}${ids}`);
  writeFileSync(path('mesh.ext'), `${extensions}${ids}`);
  const run = (...args: readonly string[]): void => {
    const outcome = openssl(...args);
    if (!outcome.isOk) throw new Error(outcome.text);
  };
  const request = (name: string): void => {
    run('genpkey', ...keys, '-out', path(`${name}.key`));
    const files = ['-key', path(`${name}.key`), '-out', path(`${name}.csr`)];
    run('req', '-new', '-subj', `/O=Customer/CN=${name}`, ...files);
  };
  const certify = (name: string, ...by: readonly string[]): void => {
    const files = ['-in', path(`${name}.csr`), '-out', path(`${name}.pem`)];
    run('x509', '-req', '-days', '90', ...files, '-extfile', path(`${name}.ext`), ...by);
  };
  const signedBy = (issuer: string): readonly string[] => [
    ...['-CA', path(`${issuer}.pem`), '-CAkey', path(`${issuer}.key`), '-CAcreateserial'],
  ];
  for (const name of ['root', 'policy', 'mesh']) request(name);
  certify('root', '-signkey', path('root.key'));
  certify('policy', ...signedBy('root'));
  certify('mesh', ...signedBy('policy'));
  const read = (name: string): string => readFileSync(path(name), 'utf8');
  return {
    pem: `${read('mesh.pem')}${read('policy.pem')}${read('root.pem')}`,
    key: read('mesh.key'),
  };
}

const meshCa =
  'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n';
const ecdsa = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'];
const rsa = ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'];
const weak = ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'];
const edwards = ['-algorithm', 'ED25519'];
const constraints =
  'nameConstraints=critical,permitted;URI:example.org,permitted;DNS:skerry-system.svc\n';

test.each([
  ['RSA', rsa, ''],
  ['ECDSA, P-384', ecdsa, ''],
  ['ECDSA with name constraints', ecdsa, constraints],
])('an intermediate of a customer signs for us: %s', async (_, keys, more) => {
  const { pem, key } = customerPki(keys, `${meshCa}${more}`);
  expect(await bring(pem, { key: createPrivateKey(key), clock: systemClock })).toMatchObject({
    value: { kind: 'first' },
  });
  const authority = await open(systemClock);
  const chain = await issue(authority);
  expect(chain.split('BEGIN CERTIFICATE')).toHaveLength(4);
  expect(verifyChain(chain, authority.bundle())).toMatchObject({ isOk: true });
  const server = await authority.serverCertificate(['skerry.skerry-system.svc']);
  expect(verifyChain(server.chainPem, authority.bundle())).toMatchObject({ isOk: true });
});

test.each([
  ['RSA of 1024 bits', weak, 'found RSA of 1024 bits'],
  ['Ed25519', edwards, 'found ed25519'],
])('a key that others refuse is refused: %s', async (_, keys, why) => {
  const { pem, key } = customerPki(keys, meshCa);
  expect(await bring(pem, { key: createPrivateKey(key), clock: systemClock })).toMatchObject({
    error: saying(why),
  });
});

test('an import that was killed after each of its writes is done by the same import again', async () => {
  const root = await makeRoot();
  const pem = await sign(root, (await requestIssuers(store, trustDomain)).csrPem);
  for (const call of ['createSlot', 'removeRecord'] as const) {
    const killed = { ...store, [call]: () => Promise.reject(new Error('killed')) };
    await expect(bring(pem, { store: killed })).rejects.toThrow('killed');
    if (call === 'createSlot')
      await expect(open()).rejects.toMatchObject({ code: 'CaRootMissing' });
  }
  expect(await bring(pem)).toMatchObject({ value: { kind: 'renewed', root: root.fingerprint } });
  const { csrPem } = await requestIssuers(store, trustDomain);
  const next = await sign(root, csrPem);
  let writes = 0;
  const writeSlotFile: CaStore['writeSlotFile'] = (...args) =>
    (writes += 1) > 1 ? Promise.reject(new Error('killed')) : store.writeSlotFile(...args);
  await expect(bring(next, { store: { ...store, writeSlotFile } })).rejects.toThrow('killed');
  const half = await open();
  expect(verifyChain(await issue(half), half.bundle())).toMatchObject({ isOk: true });
  expect(await bring(next)).toMatchObject({ value: { kind: 'renewed' } });
});

test('of two first imports at the same moment one wins whole', async () => {
  const [first, second] = [await makeRoot(), await makeRoot()];
  const { csrPem } = await requestIssuers(store, trustDomain);
  const pem = await sign(second, csrPem);
  const sooner = await sign(first, csrPem);
  const createRecord: CaStore['createRecord'] = async (...args) => {
    await bring(sooner);
    return store.createRecord(...args);
  };
  expect(await bring(pem, { store: { ...store, createRecord } })).toMatchObject({
    error: saying('somebody else has made a CA at the same moment'),
  });
  expect((await open()).bundle()).toBe(first.certPem);
});

test.each([
  ['no CA', 'basicConstraints=critical,CA:FALSE\n', 'is not a CA'],
  [
    'another trust domain',
    `${meshCa}nameConstraints=critical,permitted;URI:evil.org\n`,
    'spiffe://example.org/ns/default/sa/default signed by it is refused by others',
  ],
  [
    'no name for the control plane',
    `${meshCa}nameConstraints=critical,permitted;URI:example.org,excluded;DNS:svc\n`,
    'the control plane, skerry.skerry-system.svc, signed by it is refused',
  ],
  [
    'a usage that forbids signing',
    'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature\n',
    'its key usage forbid it',
  ],
])('an intermediate of a customer is refused: %s', async (_, extensions, why) => {
  const { pem, key } = customerPki(ecdsa, extensions);
  expect(await bring(pem, { key: createPrivateKey(key), clock: systemClock })).toMatchObject({
    error: saying(why),
  });
  expect((await store.read()).slots.size).toBe(0);
});
