/** One pod's token has so many keys signed and no more; who has a certificate already is renewed whatever others do. */
import { beforeEach, expect, test } from '@jest/globals';
import { spiffeId } from '../model/index.js';
import { openAuthority, type Authority } from './authority.js';
import type { CaAuditEvent } from './authority-options.js';
import { defaultKeyAllowance } from './key-budget.js';
import { openDirectoryStore } from './store-directory.js';
import { freshRequest, heldClock, temporaryDirectory, type HeldClock } from './test-kit.js';

const { atOnce, msPerKey } = defaultKeyAllowance;
const hourMs = 3_600_000;
const cart = spiffeId('example.org', 'shop', 'cart');

let directory: string;
let clock: HeldClock;
let audit: CaAuditEvent[];
let authority: Authority;

async function open(): Promise<Authority> {
  return openAuthority({
    store: await openDirectoryStore(directory),
    ...{ trustDomain: 'example.org', clock },
    audit: (event) => audit.push(event),
  });
}

beforeEach(async () => {
  directory = temporaryDirectory();
  clock = heldClock();
  audit = [];
  authority = await open();
});

const issue = (csr: string, podUid = 'uid-1'): ReturnType<Authority['issue']> =>
  authority.issue({ spiffeId: cart, csr, podUid });

/** Spends what the pod has; the requests that were answered. */
async function spend(podUid = 'uid-1'): Promise<readonly string[]> {
  const requests = Array.from({ length: atOnce }, freshRequest);
  for (const csr of requests) expect((await issue(csr, podUid)).ok).toBe(true);
  return requests;
}

test('one key too many is refused by its number, is in no audit log, and is taken later', async () => {
  await spend();
  const entries = audit.length;
  const csr = freshRequest();
  expect(await issue(csr)).toEqual({
    ok: false,
    error: {
      code: 'too-many-keys',
      detail:
        'expected at most 20 new keys of one pod at once, and one each 10 s after that: come again later',
    },
  });
  expect(audit).toHaveLength(entries);
  clock.advance(msPerKey);
  expect((await issue(csr)).ok).toBe(true);
});

test('a request that is none of a key costs no key', async () => {
  for (let at = 0; at < 100; at += 1) await issue('nonsense');
  await spend();
});

test('the same identity in another pod has its own', async () => {
  await spend();
  expect((await issue(freshRequest(), 'uid-2')).ok).toBe(true);
});

test('a key that has a certificate gets it again, and the next one when it is due', async () => {
  const own = freshRequest();
  const first = await issue(own);
  clock.advance(atOnce * msPerKey);
  await spend();
  expect(await issue(own)).toEqual(first);
  clock.advance(7 * hourMs);
  // Whoever has stolen the token spends what has come back.
  await spend();
  expect((await issue(freshRequest())).ok).toBe(false);
  const renewed = await issue(own);
  expect(renewed.ok).toBe(true);
  expect(renewed).not.toEqual(first);
});

test('a key that was signed before a restart costs none', async () => {
  const own = freshRequest();
  const first = await issue(own);
  authority = await open();
  await spend();
  expect(await issue(own)).toEqual(first);
});

test('where the store keeps no chains, whoever has a key keeps it beside a thief who spends all', async () => {
  const store = await openDirectoryStore(directory);
  authority = await openAuthority({
    store: { ...store, readIssued: () => Promise.resolve(undefined) },
    ...{ trustDomain: 'example.org', clock },
  });
  const own = freshRequest();
  expect((await issue(own)).ok).toBe(true);
  clock.advance(msPerKey);
  await spend();
  expect((await issue(freshRequest())).ok).toBe(false);
  expect((await issue(own)).ok).toBe(true);
  for (let turn = 0; turn < 20; turn += 1) {
    clock.advance(hourMs / 2);
    await spend();
    expect((await issue(freshRequest())).ok).toBe(false);
    expect((await issue(own)).ok).toBe(true);
  }
});
