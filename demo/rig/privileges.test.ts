/** Tests of reading capabilities. */
import { expect, test } from '@jest/globals';
import { effectiveCapabilities } from './privileges.js';

test('the effective set is read, not the permitted one', () => {
  const status = 'Name:\tnode\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000001000\n';
  expect(effectiveCapabilities(status)).toBe(1n << 12n);
});

test('a status without capabilities means none', () => {
  expect(effectiveCapabilities('Name:\tnode\n')).toBe(0n);
});
