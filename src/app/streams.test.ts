/** Renewals of certificates when the machine's clock jumps: no storm, and none is forgotten. */
import { afterAll, expect, test } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAuthority, openDirectoryStore, type Authority } from '../ca/index.js';
import { silentLogger, type Clock } from '../lib/index.js';
import { podKey, type Pod } from '../model/index.js';
import { certificateRequest, nodeMetadataKeys } from '../sidecar/index.js';
import { createStreams } from './streams.js';
import { createTrustLedger } from './trust-ledger.js';

const hourMs = 3_600_000;
const lifeMs = 12 * hourMs;
const startMs = 1_800_000_000_000;
const folders: string[] = [];

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

/** As the machine's: its timers go on by themselves when its hands are moved. */
function movableClock(): Clock & { move(ms: number): void; pass(ms: number): void } {
  let wallMs = startMs;
  let elapsedMs = 0;
  let tasks: readonly { readonly atMs: number; readonly task: () => void }[] = [];
  return {
    now: () => wallMs,
    after: (delayMs, task) => {
      const entry = { atMs: elapsedMs + delayMs, task };
      tasks = [...tasks, entry];
      return () => {
        tasks = tasks.filter((one) => one !== entry);
      };
    },
    move: (ms) => {
      wallMs += ms;
    },
    pass: (ms) => {
      elapsedMs += ms;
      wallMs += ms;
      const due = tasks.filter(({ atMs }) => atMs <= elapsedMs);
      tasks = tasks.filter((one) => !due.includes(one));
      for (const { task } of due) task();
    },
  };
}

const pod: Pod = {
  ...{ key: podKey('shop', 'cart-1'), namespace: 'shop', name: 'cart-1', uid: 'u-1' },
  ...{ serviceAccount: 'cart', ips: ['10.0.0.1'], isInMesh: true, isFinished: false },
} as unknown as Pod;

async function rig() {
  const clock = movableClock();
  const folder = await mkdtemp(join(tmpdir(), 'skerry-streams-'));
  folders.push(folder);
  const store = await openDirectoryStore(folder);
  const authority = await openAuthority({ store, trustDomain: 'example.org', clock });
  const pending: Promise<unknown>[] = [];
  const counted: Authority = {
    ...authority,
    issue: (request) => {
      const issued = authority.issue(request);
      pending.push(issued);
      return issued;
    },
  };
  const streams = createStreams({
    authority: counted,
    ...{ clock, logger: silentLogger, ledger: createTrustLedger(), renewalSpreadMs: 1_000 },
    ...{ podOf: () => pod, scopesOf: () => [], publish: () => undefined },
  });
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const opened = await streams.open({
    ...{ streamId: 's', nodeId: 'shop/cart-1' },
    identity: {
      ...{ namespace: 'shop', podName: 'cart-1', podUid: 'u-1', serviceAccount: 'cart' },
      expiresAtMs: startMs + 10 * lifeMs,
    },
    metadata: {
      [nodeMetadataKeys.csr]: certificateRequest(privateKey),
      [nodeMetadataKeys.keyFile]: '/key.pem',
    },
  });
  if (!opened.ok) throw new Error(opened.error.message);
  const settle = async (): Promise<void> => {
    await Promise.all(pending);
    await new Promise((resolve) => setImmediate(resolve));
  };
  /** Lets time pass by minutes; gives how often a certificate was asked for. */
  const pass = async (hours: number): Promise<number> => {
    const before = pending.length;
    for (let minute = 0; minute < hours * 60; minute += 1) {
      clock.pass(60_000);
      await settle();
    }
    return pending.length - before;
  };
  return { clock, streams, pass };
}

test.each([
  ['an hour ahead', hourMs],
  ['a year ahead', 365 * 24 * hourMs],
  ['an hour behind', -hourMs],
])('%s: nothing is renewed before its time, and then once', async (_, jumpMs) => {
  const { clock, pass, streams } = await rig();
  expect(await pass(1)).toBe(0);
  clock.move(jumpMs);
  expect(await pass(4)).toBe(0);
  const asked = await pass(3);
  expect([1, 2]).toContain(asked);
  expect(streams.get('s')?.certificateNotAfterMs).toBeGreaterThan(clock.now() + 9 * hourMs);
});

test('a year behind, before its root: nothing is given, and it is renewed as soon as the clock is right', async () => {
  const { clock, pass, streams } = await rig();
  const held = streams.get('s')?.certificateNotAfterMs;
  clock.move(-365 * 24 * hourMs);
  expect(await pass(5)).toBe(0);
  // It tries again every half minute.
  expect(await pass(2)).toBeLessThanOrEqual(240);
  expect(streams.get('s')?.certificateNotAfterMs).toBe(held);
  clock.move(365 * 24 * hourMs);
  await pass(0.1);
  expect(streams.get('s')?.certificateNotAfterMs).toBeGreaterThan(clock.now() + 11 * hourMs);
});
