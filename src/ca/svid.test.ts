/** When certificates are renewed. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { renewalDelayMs, renewalTimeMs } from './svid.js';

const hourMs = 3_600_000;

test.each([
  [0, 0.45 * 12],
  [0.5, 0.5 * 12],
  [0.999999999, 0.55 * 12],
])('with randomness %d a certificate of 12 hours is renewed after %d hours', (random, hours) => {
  const life = { issuedAtMs: 1000, notAfterMs: 1000 + 12 * hourMs };
  expect(renewalTimeMs(life, () => random)).toBeCloseTo(1000 + hours * hourMs, -1);
});

test('a renewal always falls between 45 and 55 % of the life', () => {
  fc.assert(
    fc.property(
      fc.nat(10 ** 9),
      fc.integer({ min: 1000, max: 10 ** 9 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (issuedAtMs, lifeMs, random) => {
        const at = renewalTimeMs({ issuedAtMs, notAfterMs: issuedAtMs + lifeMs }, () => random);
        expect(at).toBeGreaterThanOrEqual(Math.floor(issuedAtMs + lifeMs * 0.45));
        expect(at).toBeLessThanOrEqual(Math.ceil(issuedAtMs + lifeMs * 0.55));
      },
    ),
  );
});

test('a renewal that is overdue waits for nothing and a clock set back makes none due', () => {
  const svid = { notBeforeMs: 500, renewAtMs: 5000 };
  expect(renewalDelayMs(svid, 9000)).toBe(0);
  expect(renewalDelayMs(svid, 1000)).toBe(4000);
});

test('a clock that is before the certificate is not trusted for long', () => {
  const svid = { notBeforeMs: 1e12, renewAtMs: 1e12 + 6 * hourMs };
  expect(renewalDelayMs(svid, 1e12 - 365 * 24 * hourMs)).toBeCloseTo(0.6 * hourMs);
});
