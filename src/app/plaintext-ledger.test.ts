/** Who called in plaintext is kept by pod, port and address, and no more than is bearable. */
import { expect, test } from '@jest/globals';
import { podKey } from '../model/index.js';
import { createPlaintextLedger } from './plaintext-ledger.js';

const [cart, other] = [podKey('shop', 'cart'), podKey('shop', 'other')];

function ledgerOf(...known: readonly string[]) {
  let nowMs = 0;
  const pods = new Set(known);
  const ledger = createPlaintextLedger({
    isKnown: (pod) => pods.has(pod),
    now: () => (nowMs += 1),
  });
  return { ledger, pods };
}

test('calls of one address to one port are counted, from the first to the last', () => {
  const { ledger } = ledgerOf(cart);
  for (const port of [80, 81, 80]) ledger.note(cart, port, '192.0.2.1');
  expect(ledger.of(cart)).toEqual([
    { port: 80, address: '192.0.2.1', count: 2, firstMs: 1, lastMs: 3 },
    { port: 81, address: '192.0.2.1', count: 1, firstMs: 2, lastMs: 2 },
  ]);
  expect(ledger.of(other)).toEqual([]);
});

test('of ever new addresses those are kept that called last', () => {
  const { ledger } = ledgerOf(cart);
  for (let index = 0; index < 1000; index += 1) ledger.note(cart, 80, `192.0.2.${String(index)}`);
  const kept = ledger.of(cart);
  expect(kept).toHaveLength(64);
  expect(kept[0]?.address).toBe('192.0.2.999');
});

test('pods that are gone are forgotten', () => {
  const { ledger, pods } = ledgerOf(cart, other);
  ledger.note(cart, 80, '192.0.2.1');
  pods.delete(cart);
  ledger.note(other, 80, '192.0.2.1');
  expect(ledger.of(cart)).toEqual([]);
});
