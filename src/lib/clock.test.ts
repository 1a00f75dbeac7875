/** Timers of the machine's clock. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, jest, test } from '@jest/globals';
import { systemClock } from './clock.js';

const dayMs = 86_400_000;

test('a wait of a year is a wait of a year, and can be cancelled in each part of it', () => {
  jest.useFakeTimers();
  try {
    const done: string[] = [];
    systemClock.after(365 * dayMs, () => done.push('a'));
    const cancel = systemClock.after(100 * dayMs, () => done.push('b'));
    jest.advanceTimersByTime(60 * dayMs);
    cancel();
    jest.advanceTimersByTime(304 * dayMs);
    expect(done).toEqual([]);
    jest.advanceTimersByTime(dayMs);
    expect(done).toEqual(['a']);
  } finally {
    jest.useRealTimers();
  }
});

test('a timer waits whole milliseconds, and never less than was asked for', () => {
  const setTimer = jest.spyOn(globalThis, 'setTimeout');
  try {
    systemClock.after(1_200.25, () => undefined)();
    expect(setTimer.mock.calls.map(([, delayMs]) => delayMs)).toEqual([1_201]);
  } finally {
    setTimer.mockRestore();
  }
});

test('a cancelled timer leaves nothing behind, however long it was to run', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let lastMs = dayMs;
  const cancelSome = (): number => {
    for (let at = 0; at < 20_000; at += 1) systemClock.after(lastMs + at, () => undefined)();
    lastMs += 20_000;
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = cancelSome();
  // A list for each of them would be three megabytes.
  expect(cancelSome() - before).toBeLessThan(500_000);
});
