/** Who has a pod's token cannot have keys signed without end, and nobody else pays for it. */
import { expect, test } from '@jest/globals';
import { createKeyBudget, defaultKeyAllowance } from './key-budget.js';

const { atOnce, msPerKey } = defaultKeyAllowance;

function rig() {
  let nowMs = 1_800_000_000_000;
  let made = 0;
  const budget = createKeyBudget(defaultKeyAllowance, { now: () => nowMs });
  /** How many of so many new keys are allowed. */
  const taken = (podUid: string, tries: number, held?: string): number =>
    Array.from({ length: tries }, () => {
      made += 1;
      return budget.take({ podUid, key: `key-${String(made)}`, held });
    }).filter(Boolean).length;
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { budget, taken, pass };
}

test('a pod has so many keys at once, and then one in ten seconds, however often it asks', () => {
  const { taken, pass } = rig();
  expect(taken('a', 1_000)).toBe(atOnce);
  let later = 0;
  for (let second = 0; second < 600; second += 1) {
    pass(1_000);
    later += taken('a', 10);
  }
  expect(later).toBe(60);
});

test('one pod takes nothing from another', () => {
  const { taken } = rig();
  expect(taken('a', 1_000)).toBe(atOnce);
  expect(taken('b', 1_000)).toBe(atOnce);
});

test('a pod that crashes again and again gets a key for each start that kubelet gives it', () => {
  const { taken, pass } = rig();
  // Kubelet waits 10 s, 20 s, 40 s and so on up to 5 minutes before it starts a container again.
  let refused = 0;
  for (let attempt = 0; attempt < 20; attempt += 1) {
    pass(Math.min(10_000 * 2 ** attempt, 300_000));
    refused += 1 - taken('a', 1);
  }
  expect(refused).toBe(0);
});

test('a clock set back a year and put right starves nobody and fills nothing', () => {
  const { taken, pass } = rig();
  const yearMs = 365 * 24 * 3_600_000;
  expect(taken('a', 100)).toBe(atOnce);
  pass(-yearMs);
  expect(taken('a', 100)).toBe(0);
  pass(msPerKey);
  expect(taken('a', 100)).toBe(1);
});

test('a pod with one key is forgotten when its bucket is full again', () => {
  const { budget, taken, pass } = rig();
  for (let at = 0; at < 10_000; at += 1) taken(`pod-${String(at)}`, 1);
  expect(budget.size()).toBe(10_000);
  pass(atOnce * msPerKey);
  taken('next', 1);
  expect(budget.size()).toBe(1);
});

test('the key that is held may be signed whatever was spent, and costs nothing', () => {
  const { budget, taken } = rig();
  const own = { podUid: 'a', key: 'own', held: 'own' };
  for (let at = 0; at < 100; at += 1) expect(budget.take(own)).toBe(true);
  expect(budget.size()).toBe(0);
  expect(taken('a', 100, 'own')).toBe(atOnce);
  expect(budget.take(own)).toBe(true);
});

test('the key that was there before a thief came is signed, however long and often he comes', () => {
  const { budget, taken, pass } = rig();
  expect(taken('a', 1_000, 'own')).toBe(atOnce);
  // A day of it; the sidecar comes back each half hour, to find another’s key held.
  for (let turn = 0; turn < 48; turn += 1) {
    for (let at = 0; at < 180; at += 1) {
      pass(10_000);
      taken('a', 5, 'his');
    }
    expect(budget.take({ podUid: 'a', key: 'own', held: 'his' })).toBe(true);
  }
});

test('who goes round by keys that are known has each signed once in ten seconds', () => {
  const { budget, pass } = rig();
  const keys = Array.from({ length: 40 }, (_, at) => `key-${String(at)}`);
  let held: string | undefined;
  let signed = 0;
  for (let second = 0; second < 1_000; second += 1) {
    pass(1_000);
    for (const key of keys) {
      if (key === held || !budget.take({ podUid: 'a', key, held })) continue;
      held = key;
      signed += 1;
    }
  }
  // 32 known ones and a new one in each ten seconds, and what there was in the beginning.
  expect(signed).toBeLessThanOrEqual(100 * 33 + 32 + atOnce);
});

test('a pod that is gone is forgotten', () => {
  const { budget, taken } = rig();
  taken('a', 5);
  taken('b', 1);
  expect(budget.size()).toBe(2);
  budget.forget('a');
  budget.forget('b');
  expect(budget.size()).toBe(0);
});
