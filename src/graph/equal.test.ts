/** Equality decides whether a wave goes on: it must never take different values for equal ones. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { equal } from './equal.js';

class Point {
  readonly x = 1;
}

describe('equal', () => {
  test.each<[string, unknown, unknown]>([
    ['numbers', 1, 1],
    ['not-a-number', Number.NaN, Number.NaN],
    ['nested objects', { a: { b: [1] } }, { a: { b: [1] } }],
    ['arrays', [1, [2]], [1, [2]]],
    ['maps', new Map([['a', { n: 1 }]]), new Map([['a', { n: 1 }]])],
    ['sets', new Set(['a', 'b']), new Set(['a', 'b'])],
    ['bytes', Uint8Array.of(1, 2), Uint8Array.of(1, 2)],
    ['a Buffer and bytes', Buffer.from([1, 2]), Uint8Array.of(1, 2)],
  ])('holds for %s of one structure', (_, a, b) => {
    expect(equal(a, b)).toBe(true);
  });

  test.each<[string, unknown, unknown]>([
    ['numbers', 1, 2],
    ['the two zeros', 0, -0],
    ['a number and its text', 1, '1'],
    ['null and undefined', null, undefined],
    ['null and an object', null, {}],
    ['an absent and an undefined field', {}, { a: undefined }],
    ['fields in another order', { a: 1, b: 2 }, { b: 2, a: 1 }],
    [
      'map entries in another order',
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
      new Map([
        ['b', 2],
        ['a', 1],
      ]),
    ],
    ['set entries in another order', new Set(['a', 'b']), new Set(['b', 'a'])],
    ['maps of different size', new Map(), new Map([['a', 1]])],
    ['sets of different size', new Set(), new Set(['a'])],
    ['arrays of different length', [1], [1, 2]],
    ['bytes', Uint8Array.of(1), Uint8Array.of(2)],
    ['bytes of different length', Uint8Array.of(1), Uint8Array.of(1, 2)],
    ['an array and an object', [], {}],
    ['a map and a set', new Map(), new Set()],
    ['an object and a map', {}, new Map()],
    ['two instances of a class', new Point(), new Point()],
    ['two dates', new Date(1), new Date(2)],
  ])('does not hold for %s', (_, a, b) => {
    expect(equal(a, b)).toBe(false);
    expect(equal(b, a)).toBe(false);
  });

  test('agrees with the written form of any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        expect(equal(a, structuredClone(a))).toBe(true);
        // JSON writes -0 as 0.
        if (JSON.stringify(a) !== JSON.stringify(b)) expect(equal(a, b)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});
