/** The authority while the machine's clock is wrong, and after it has been put right: an hour, a year, either way. */
import { beforeEach, expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spiffeId } from '../model/index.js';
import { openAuthority, type Authority } from './authority.js';
import type { CaAuditEvent } from './authority-options.js';
import type { Svid } from './issued.js';
import {
  freshRequest,
  heldClock,
  openssl,
  temporaryDirectory,
  type HeldClock,
} from './test-kit.js';
import { emptyMemory, memoryStore, type SharedMemory } from './testing/memory-store.js';

const hourMs = 3_600_000;
const yearMs = 365 * 24 * hourMs;
const serverNames = ['skerry.skerry-system.svc'];
const cart = spiffeId('example.org', 'shop', 'cart');

let clock: HeldClock;
let memory: SharedMemory;
let audit: CaAuditEvent[];
let authority: Authority;
/** What a clock that is right says. */
let rightMs: number;

beforeEach(async () => {
  clock = heldClock();
  memory = emptyMemory();
  audit = [];
  authority = await open();
  // The root is half an hour old, as in a cluster of today.
  clock.advance(hourMs / 2);
  rightMs = clock.now();
});

function open(): Promise<Authority> {
  return openAuthority({
    ...{ store: memoryStore(memory), trustDomain: 'example.org', clock },
    audit: (event) => audit.push(event),
  });
}

async function issue(csr: string): Promise<Svid> {
  // Each is the request of a pod of its own.
  const issued = await authority.issue({ spiffeId: cart, csr, podUid: csr });
  if (!issued.ok) throw new Error(issued.error.detail);
  return issued.value;
}

/** Whether a peer whose clock says so takes the chain, by `openssl verify`. */
function isTaken(chainPem: string, atMs: number): boolean {
  const folder = temporaryDirectory();
  const [chain, bundle] = [join(folder, 'chain.pem'), join(folder, 'bundle.pem')];
  writeFileSync(chain, chainPem);
  writeFileSync(bundle, authority.bundle());
  const at = ['-attime', String(Math.floor(atMs / 1000))];
  const files = ['-CAfile', bundle, '-untrusted', chain, chain];
  return openssl('verify', '-x509_strict', ...at, ...files).isOk;
}

const signed = (): number => audit.filter(({ kind }) => kind === 'workload').length;

test('a sidecar whose clock is five minutes behind takes a fresh certificate, one six behind does not', async () => {
  const { chainPem } = await issue(freshRequest());
  const minuteMs = 60_000;
  expect([5, 6].map((minutes) => isTaken(chainPem, rightMs - minutes * minuteMs))).toEqual([
    ...[true, false],
  ]);
});

test('a sidecar whose clock is an hour ahead takes it until the last hour of its life', async () => {
  const { chainPem, notAfterMs } = await issue(freshRequest());
  expect(isTaken(chainPem, rightMs + hourMs)).toBe(true);
  expect([notAfterMs - 1000, notAfterMs + 1000].map((at) => isTaken(chainPem, at))).toEqual([
    ...[true, false],
  ]);
});

test.each([
  ['an hour ahead', hourMs],
  ['an hour behind', -hourMs],
])('%s: who holds a certificate keeps it, byte for byte', async (_, jumpMs) => {
  const requests = Array.from({ length: 5 }, () => freshRequest());
  const before = await Promise.all(requests.map((csr) => issue(csr)));
  // They are as old as those of a mesh that runs, on average.
  clock.advance(3 * hourMs);
  clock.set(clock.now() + jumpMs);
  expect(await Promise.all(requests.map((csr) => issue(csr)))).toEqual(before);
  expect(signed()).toBe(5);
});

test('an hour behind: what is signed then is good for those whose clock is right', async () => {
  clock.set(rightMs - hourMs);
  const { chainPem } = await issue(freshRequest());
  expect(isTaken(chainPem, rightMs)).toBe(true);
});

test.each([
  ['an hour ahead', hourMs],
  ['a year ahead', yearMs],
  ['an hour behind', -hourMs],
])('%s for a while: once it is right again, what is given is good at once', async (_, jumpMs) => {
  const csr = freshRequest();
  const root = authority.bundle();
  clock.set(rightMs + jumpMs);
  await issue(csr);
  await authority.serverCertificate(serverNames);
  await authority.maintain();
  clock.set(rightMs + 60_000);
  const server = await authority.serverCertificate(serverNames);
  for (const { chainPem } of [await issue(csr), await issue(freshRequest()), server]) {
    expect(isTaken(chainPem, clock.now())).toBe(true);
  }
  expect(authority.bundle()).toBe(root);
  // What was stored meanwhile harms no replica that starts now.
  authority = await open();
  expect(isTaken((await issue(freshRequest())).chainPem, clock.now())).toBe(true);
  expect(authority.bundle()).toBe(root);
});

test('a year behind, before its root was made, it signs nothing, says why, and leaves the store alone', async () => {
  const csr = freshRequest();
  const before = await issue(csr);
  const stored = { ...memory };
  clock.set(rightMs - yearMs);
  await authority.maintain();
  expect(await authority.issue({ spiffeId: cart, csr, podUid: 'uid-1' })).toMatchObject({
    error: { code: 'clock', detail: expect.stringContaining('put it right') },
  });
  expect([signed(), memory]).toEqual([1, stored]);
  clock.set(rightMs + 60_000);
  expect(await issue(csr)).toEqual(before);
});

test('ten years ahead, when its root has ended, it signs nothing, and goes on when the clock is right', async () => {
  const csr = freshRequest();
  const before = await issue(csr);
  clock.set(rightMs + 10 * yearMs + 24 * hourMs);
  expect(await authority.issue({ spiffeId: cart, csr: freshRequest(), podUid: 'u' })).toMatchObject(
    {
      error: { code: 'issuer-expired' },
    },
  );
  clock.set(rightMs);
  expect(await issue(csr)).toEqual(before);
});
