/** What is counted of calls that would have been refused, and what is not kept. */
import { expect, test } from '@jest/globals';
import { policyKey } from '../model/index.js';
import { createWouldDenyLedger } from './would-deny.js';

const policy = policyKey('shop', 'p');

test('calls are counted by form and caller, and not where nothing is audited', () => {
  let hash: string | undefined = 'one';
  const ledger = createWouldDenyLedger(() => hash);
  ledger.note(policy, 'a');
  ledger.note(policy, 'b');
  ledger.note(policy, 'b');
  const callers = new Map([
    ['a', 1],
    ['b', 2],
  ]);
  expect(ledger.all()).toEqual(new Map([[policy, { hash: 'one', count: 3, callers }]]));
  hash = 'two';
  ledger.note(policy, 'a');
  expect(ledger.all().get(policy)?.count).toBe(1);
  hash = undefined;
  expect(ledger.all().size).toBe(0);
});

test('callers from ever new addresses do not fill the memory, nor push the frequent ones out', () => {
  const ledger = createWouldDenyLedger(() => 'h');
  for (let index = 0; index < 10_000; index += 1) {
    ledger.note(policy, `stranger ${String(index)}`);
    if (index % 10 === 0) ledger.note(policy, 'often');
  }
  const found = ledger.all().get(policy);
  expect(found?.count).toBe(11_000);
  expect(found?.callers.get('often')).toBe(1_000);
  expect(found?.callers.size).toBeLessThanOrEqual(256);
});
