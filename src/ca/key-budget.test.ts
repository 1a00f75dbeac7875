/** Who has a pod's token cannot have keys signed without end, and nobody else pays for it. */
import { expect, test } from '@jest/globals';
import { createKeyBudget, defaultKeyAllowance } from './key-budget.js';

const { atOnce, msPerKey } = defaultKeyAllowance;

function rig() {
  let nowMs = 1_800_000_000_000;
  const budget = createKeyBudget(defaultKeyAllowance, { now: () => nowMs });
  /** How many of so many tries are allowed. */
  const taken = (podUid: string, tries: number): number =>
    Array.from({ length: tries }, () => budget.take(podUid)).filter(Boolean).length;
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

test('a pod whose bucket is full again is forgotten', () => {
  const { budget, taken, pass } = rig();
  for (let at = 0; at < 10_000; at += 1) taken(`pod-${String(at)}`, 1);
  expect(budget.size()).toBe(10_000);
  pass(atOnce * msPerKey);
  taken('next', 1);
  expect(budget.size()).toBe(1);
});
