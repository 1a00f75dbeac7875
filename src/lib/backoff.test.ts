/** How long is waited, and what ends a wait. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { getEventListeners } from 'node:events';
import { backoffDelayMs, wait } from './backoff.js';
import type { Clock } from './clock.js';

const bounds = { baseMs: 100, maxMs: 5000 };

describe('backoffDelayMs', () => {
  test.each([
    [0, 0, 50],
    [0, 1, 100],
    [1, 0.5, 150],
    [3, 1, 800],
    [6, 0, 2500],
    [6, 1, 5000],
  ])('of attempt %d with the dice at %d is %d ms', (attempt, dice, expected) => {
    expect(backoffDelayMs(attempt, bounds, () => dice)).toBe(expected);
  });

  test('stays within its bounds for any attempt', () => {
    fc.assert(
      fc.property(fc.nat(5000), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, dice) => {
        const delayMs = backoffDelayMs(attempt, bounds, () => dice);
        expect(delayMs).toBeGreaterThanOrEqual(50);
        expect(delayMs).toBeLessThanOrEqual(5000);
        expect(Number.isInteger(delayMs)).toBe(true);
      }),
    );
  });
});

describe('wait', () => {
  function fakeClock(): { clock: Clock; timers: Map<number, () => void> } {
    const timers = new Map<number, () => void>();
    const clock: Clock = {
      now: () => 0,
      after: (delayMs, task) => {
        timers.set(delayMs, task);
        return () => {
          timers.delete(delayMs);
        };
      },
    };
    return { clock, timers };
  }

  test('resolves when its time has come and leaves no listener behind', async () => {
    const { clock, timers } = fakeClock();
    const { signal } = new AbortController();
    const waiting = wait(clock, 70, signal);
    timers.get(70)?.();
    await expect(waiting).resolves.toBeUndefined();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test('rejects with the reason when aborted and leaves no timer behind', async () => {
    const { clock, timers } = fakeClock();
    const controller = new AbortController();
    const waiting = wait(clock, 70, controller.signal);
    expect(timers.size).toBe(1);
    controller.abort(new Error('stopping'));
    await expect(waiting).rejects.toThrow('stopping');
    expect(timers.size).toBe(0);
  });

  test('rejects at once when aborted before, and never sets a timer', async () => {
    const { clock, timers } = fakeClock();
    await expect(wait(clock, 70, AbortSignal.abort('enough'))).rejects.toThrow('aborted');
    expect(timers.size).toBe(0);
  });
});
