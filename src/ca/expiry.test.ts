/** Alarms at 90, 30 and 7 days, for what nobody renews by itself. */
import { expect, test } from '@jest/globals';
import { openAuthority } from './authority.js';
import { alarmLevel, expiryAlarms } from './expiry.js';
import { heldClock } from './test-kit.js';
import { emptyMemory, memoryStore } from './testing/memory-store.js';

const dayMs = 86_400_000;

test.each([
  [91, undefined],
  [90, 90],
  [31, 90],
  [30, 30],
  [8, 30],
  [7, 7],
  [1, 7],
  [0, 0],
  [-5, 0],
])('%d days before the end the level is %s', (days, level) => {
  expect(alarmLevel(days * dayMs, 0)).toBe(level);
});

test('a fresh authority raises no alarm, and one near its end names root and remedy', async () => {
  const clock = heldClock();
  const store = memoryStore(emptyMemory());
  const authority = await openAuthority({ store, trustDomain: 'example.org', clock });
  expect(expiryAlarms(authority.slots(), clock.now())).toEqual([]);
  const endMs = authority.slots().active.rootNotAfterMs;
  const alarms = expiryAlarms(authority.slots(), endMs - 20 * dayMs);
  expect(alarms[0]).toMatchObject({ what: 'root', level: 30 });
  expect(alarms[0]?.remedy).toContain('skerry ca rotate');
});

test('an intermediate whose root is elsewhere says who must sign', async () => {
  const clock = heldClock();
  const memory = emptyMemory();
  const store = memoryStore(memory);
  await openAuthority({ store, trustDomain: 'example.org', clock });
  const files = new Map(memory.slots.get('active'));
  files.delete('root-key.pem');
  memory.slots = new Map([['active', files]]);
  const authority = await openAuthority({ store, trustDomain: 'example.org', clock });
  const alarms = expiryAlarms(authority.slots(), clock.now() + 300 * dayMs);
  expect(alarms.map(({ what, level }) => [what, level])).toEqual([
    ['workload-issuer', 90],
    ['server-issuer', 90],
  ]);
  expect(alarms[0]?.remedy).toContain('elsewhere');
});
