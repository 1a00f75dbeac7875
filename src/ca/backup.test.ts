/** Backups of an authority: what comes back is what was there, and what is damaged, foreign or older does not. */
import { beforeEach, expect, test } from '@jest/globals';
import { randomBytes, X509Certificate } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openAuthority } from './authority.js';
import { defaultLifetimes } from './authority-options.js';
import { restoreBackup, takeBackup, type Backup, type RestoreOptions } from './backup.js';
import { createRotation, type Rotation } from './rotation.js';
import { fingerprintOf } from './slot.js';
import { createJoinTokenIssuer } from './token.js';
import { openDirectoryStore } from './store-directory.js';
import type { CaStore, SlotName, StoredAuthority } from './store.js';
import { heldClock, temporaryDirectory } from './test-kit.js';

const trustDomain = 'example.org';
const passphrase = 'correct horse battery';
const clock = heldClock();

let directory: string;
let store: CaStore;
let backup: Backup;

beforeEach(async () => {
  directory = join(temporaryDirectory(), 'ca');
  store = await openDirectoryStore(directory);
  await openAuthority({ store, trustDomain, clock });
  await createJoinTokenIssuer({ store, clock });
  backup = await takeBackup(store, trustDomain, passphrase, clock.now());
});

function restore(more: Partial<RestoreOptions> = {}): ReturnType<typeof restoreBackup> {
  const base = { store, trustDomain, text: backup.text, passphrase, nowMs: clock.now() };
  return restoreBackup({ ...base, over: 'older', ...more });
}

async function empty(): Promise<CaStore> {
  return openDirectoryStore(join(temporaryDirectory(), 'ca'));
}

async function held(of: CaStore): Promise<unknown> {
  const { slots, records } = await of.read();
  return { slots, records };
}

function rootOf(stored: StoredAuthority, slot: SlotName): string {
  return stored.slots.get(slot)?.get('root.pem') ?? '';
}

async function rotation(): Promise<Rotation> {
  const authority = await openAuthority({ store, trustDomain, clock });
  return createRotation({
    ...{ authority, store, clock, lifetimes: defaultLifetimes, randomBytes },
    evidence: () => Promise.resolve({ replicas: [], silent: [], pods: [], unpublished: [] }),
    ...{ mayAdvance: () => true, onStep: () => undefined, onFailure: () => undefined },
  });
}

async function rotate(): Promise<void> {
  await (await rotation()).start('staged');
}

test('an empty directory gets all that was there, keys of join tokens too', async () => {
  const other = await empty();
  expect(await restore({ store: other })).toEqual({
    ok: true,
    value: { root: backup.root, takenAtMs: clock.now() },
  });
  expect(await held(other)).toEqual(await held(store));
  const authority = await openAuthority({ store: other, trustDomain, clock });
  expect(authority.slots().active.fingerprint).toBe(backup.root);
});

test('a store whose slots are gone or damaged gets them back, in the middle of a rotation too', async () => {
  await rotate();
  backup = await takeBackup(store, trustDomain, passphrase, clock.now());
  const before = await held(store);
  for (const name of readdirSync(directory)) {
    if (/^(active|slot-)/.test(name)) rmSync(join(directory, name), { recursive: true });
  }
  await expect(openAuthority({ store, trustDomain, clock })).rejects.toThrow();
  expect(await restore()).toMatchObject({ ok: true });
  expect(await held(store)).toEqual(before);
});

test('an older state is refused, unless that is what is wanted; what was published stays known', async () => {
  await rotate();
  const next = fingerprintOf(new X509Certificate(rootOf(await store.read(), 'next')));
  expect(await restore()).toMatchObject({
    error: expect.stringContaining(`root ${next} was published here`) as unknown,
  });
  backup = await takeBackup(store, trustDomain, passphrase, clock.now());
  await (await rotation()).abort();
  expect(await restore()).toMatchObject({
    error: expect.stringContaining('has moved on') as unknown,
  });
  expect((await store.read()).slots.has('next')).toBe(false);
  expect(await restore({ over: 'anything' })).toMatchObject({ ok: true });
  expect((await store.read()).slots.has('next')).toBe(true);
  const authority = await openAuthority({ store, trustDomain, clock });
  expect(authority.slots().published).toEqual([backup.root, next]);
});

test('intermediates that were renewed since are not undone', async () => {
  const later = heldClock(clock.now());
  later.advance(250 * 24 * 60 * 60 * 1000);
  await (await openAuthority({ store, trustDomain, clock: later })).maintain();
  expect(await restore({ nowMs: later.now() })).toMatchObject({
    error: expect.stringContaining('were renewed') as unknown,
  });
});

test('a restore that is killed after any of its writes is done by the same restore again', async () => {
  for (const call of ['createRecord', 'rearrange'] as const) {
    const other = await empty();
    const die = (): never => {
      throw new Error('killed');
    };
    const killed: CaStore =
      call === 'createRecord'
        ? { ...other, createRecord: (name, text) => other.createRecord(name, text).then(die) }
        : { ...other, rearrange: (...args) => other.rearrange(...args).then(die) };
    await expect(restore({ store: killed })).rejects.toThrow('killed');
    if (call === 'createRecord') {
      await expect(openAuthority({ store: other, trustDomain, clock })).rejects.toMatchObject({
        code: 'CaRootMissing',
      });
    }
    expect(await restore({ store: other })).toMatchObject({ value: { root: backup.root } });
    expect(await held(other)).toEqual(await held(store));
  }
});

test('another mesh, another root, another passphrase: nothing is changed', async () => {
  const other = await empty();
  await openAuthority({ store: other, trustDomain, clock });
  const before = await held(other);
  expect(await restore({ store: other })).toMatchObject({ ok: false });
  expect(await restore({ store: other, trustDomain: 'evil.org' })).toMatchObject({
    error: 'the backup is of trust domain example.org, but this mesh is of evil.org',
  });
  expect(await restore({ fingerprint: 'ab'.repeat(32) })).toMatchObject({ ok: false });
  expect(await restore({ passphrase: 'incorrect horse' })).toMatchObject({ ok: false });
  expect(await held(other)).toEqual(before);
  const spelled = (backup.root.match(/../g) ?? []).join(':').toUpperCase();
  expect(await restore({ fingerprint: spelled })).toMatchObject({ ok: true });
});

test('cut at any byte, or changed at any byte, a backup is refused', async () => {
  const { text } = backup;
  const other = await empty();
  for (let at = 0; at < text.length; at += 1) {
    const changed = `${text.slice(0, at)}${text[at] === 'x' ? 'y' : 'x'}${text.slice(at + 1)}`;
    for (const damaged of [text.slice(0, at), changed]) {
      expect(await restore({ store: other, text: damaged })).toMatchObject({ ok: false });
    }
  }
  expect((await other.read()).slots.size).toBe(0);
}, 60_000);

test('a backup shows no key', () => {
  expect(backup.text).not.toMatch(/PRIVATE KEY/);
  expect(
    Buffer.from(backup.text.split('\n').slice(1, -2).join(''), 'base64').toString(),
  ).not.toMatch(/PRIVATE|slots|root/);
});
