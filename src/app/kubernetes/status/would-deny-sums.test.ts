/** What replicas have counted together, whoever leads, comes and goes. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { policyKey } from '../../../model/index.js';
import type { WouldDeny } from '../../would-deny.js';
import { createWouldDenySums } from './would-deny-sums.js';

const policy = policyKey('shop', 'p');

function told(counts: Readonly<Record<string, number>>): ReadonlyMap<string, WouldDeny> {
  return new Map(
    Object.entries(counts).map(([replica, count]) => [
      replica,
      { hash: 'h', count, callers: new Map([['web', count]]) },
    ]),
  );
}

describe('the sum', () => {
  test('is of all replicas, and does not shrink when one of them goes', () => {
    const sums = createWouldDenySums();
    const at = (counts: Readonly<Record<string, number>>): number =>
      sums.add(policy, 'h', told(counts), undefined).count;
    expect(at({ a: 3 })).toBe(3);
    expect(at({ a: 4, b: 0 })).toBe(4);
    expect(at({ a: 4, b: 2 })).toBe(6);
    expect(at({ b: 3 })).toBe(7);
    expect(at({ b: 4, c: 1 })).toBe(8);
    // The container of b was restarted.
    expect(at({ b: 1, c: 2 })).toBe(10);
    // It was silent for a while.
    expect(at({ a: 4, b: 1, c: 2 })).toBe(10);
  });

  test('goes on from what another leader has written of the same form', () => {
    const sums = createWouldDenySums();
    const former = { count: 10, callers: [{ caller: 'old', count: 9 }] };
    expect(sums.add(policy, 'h', told({ b: 4 }), former)).toEqual({
      count: 10,
      callers: [
        { caller: 'old', count: 9 },
        { caller: 'web', count: 4 },
      ],
    });
    expect(sums.add(policy, 'h', told({ b: 6 }), former).count).toBe(12);
    expect(sums.add(policy, 'next', new Map(), undefined)).toEqual({ count: 0, callers: [] });
  });

  test('names the five callers with the most', () => {
    const callers = new Map(Array.from({ length: 90 }, (_, index) => [`c${index}`, index]));
    const one = new Map([['a', { hash: 'h', count: 1_000, callers }]]);
    expect(createWouldDenySums().add(policy, 'h', one, undefined).callers).toEqual(
      [89, 88, 87, 86, 85].map((count) => ({ caller: `c${count}`, count })),
    );
  });

  test('equals what was counted, as long as every replica is heard before it counts', () => {
    const step = fc.record({ replica: fc.constantFrom('a', 'b', 'c'), calls: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const sums = createWouldDenySums();
        const counts: Record<string, number> = { a: 0, b: 0, c: 0 };
        sums.add(policy, 'h', told(counts), undefined);
        for (const { replica, calls } of steps) {
          counts[replica] = (counts[replica] ?? 0) + calls;
          // Whoever is silent now is heard of again.
          sums.add(policy, 'h', told({ [replica]: counts[replica] }), undefined);
        }
        const total = steps.reduce((sum, { calls }) => sum + calls, 0);
        const all = sums.add(policy, 'h', told(counts), undefined);
        expect(all.count).toBe(total);
        expect(all.callers[0]?.count ?? 0).toBe(total);
      }),
    );
  });
});
