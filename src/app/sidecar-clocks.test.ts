/** What is made of the time that a sidecar says. */
import { expect, test } from '@jest/globals';
import { createSidecarClocks, describeSkew } from './sidecar-clocks.js';

const nowMs = Date.UTC(2026, 0, 1);
const nowSeconds = nowMs / 1000;

function open(): {
  readonly clocks: ReturnType<typeof createSidecarClocks>;
  readonly warned: object[];
} {
  const warned: object[] = [];
  const clocks = createSidecarClocks({
    clock: { now: () => nowMs },
    logger: { warn: (_message, fields = {}) => void warned.push(fields) },
  });
  return { clocks, warned };
}

test.each([
  [String(nowSeconds), 0],
  [String(nowSeconds - 86_400), -86_400_000],
  [String(nowSeconds + 600), 600_000],
  // Envoys that do not know the command, and whoever else connects.
  ['%START_TIME(%s)%', undefined],
  ['', undefined],
  ['-1', undefined],
  ['1e9', undefined],
  ['9'.repeat(40), undefined],
  [undefined, undefined],
])('%j is read as %j milliseconds ahead', (said, aheadMs) => {
  expect(open().clocks.read(said)).toBe(aheadMs);
});

test('a clock that is off by more than a minute is named and counted while its stream is open', () => {
  const { clocks, warned } = open();
  clocks.opened('stream-1', 'shop/cart', -61_000);
  clocks.opened('stream-2', 'shop/web', 60_000);
  clocks.opened('stream-3', 'shop/old', undefined);
  expect(warned).toEqual([expect.objectContaining({ proxy: 'shop/cart', skew: '61 s behind' })]);
  expect(clocks.wrong()).toBe(1);
  clocks.closed('stream-1');
  clocks.closed('stream-2');
  expect(clocks.wrong()).toBe(0);
});

test('the skew is told in seconds', () => {
  expect([describeSkew(90_400), describeSkew(-3_600_000)]).toEqual(['90 s ahead', '3600 s behind']);
});
