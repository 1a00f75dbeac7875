/** Slots that move in a directory: all at once, for one of those who try, and no half way after a crash. */
import { beforeEach, expect, test } from '@jest/globals';
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CaStore, SlotName } from './store.js';
import { openDirectoryStore } from './store-directory.js';
import { temporaryDirectory } from './test-kit.js';

const nothing = new Map<string, string>();

let directory: string;
let store: CaStore;

beforeEach(async () => {
  directory = join(temporaryDirectory(), 'ca');
  store = await openDirectoryStore(directory);
  await store.createSlot('active', rootNamed('a'));
  await store.createRecord('published.json', 'a');
});

function rootNamed(name: string): ReadonlyMap<string, string> {
  return new Map([['root.pem', name]]);
}

async function roots(from: CaStore = store): Promise<Readonly<Record<string, string>>> {
  const { slots } = await from.read();
  const entries = [...slots].map(([slot, files]) => [slot, files.get('root.pem') ?? '']);
  return Object.fromEntries(entries) as Readonly<Record<SlotName, string>>;
}

async function move(
  arrangement: Parameters<CaStore['rearrange']>[1],
  records: ReadonlyMap<string, string> = nothing,
): Promise<boolean> {
  return store.rearrange((await store.read()).revision, arrangement, records);
}

test('a root goes through all slots, and its folder goes when no slot is left to it', async () => {
  await move({ active: 'active', next: rootNamed('b') });
  expect(await roots()).toEqual({ active: 'a', next: 'b' });
  await move({ active: 'next', retired: 'active' });
  expect(await roots()).toEqual({ active: 'b', retired: 'a' });
  await move({ active: 'retired', retired: 'active' });
  expect(await roots()).toEqual({ active: 'a', retired: 'b' });
  await move({ active: 'active' });
  expect(await roots()).toEqual({ active: 'a' });
  expect(await roots(await openDirectoryStore(directory))).toEqual({ active: 'a' });
  const folders = readdirSync(directory, { withFileTypes: true }).filter((one) =>
    one.isDirectory(),
  );
  expect(folders.map(({ name }) => name).sort()).toEqual(['active', 'issued']);
});

test('records move with the slots, and cover what was there', async () => {
  await move({ active: 'active', next: rootNamed('b') }, new Map([['published.json', 'a b']]));
  await move({ active: 'active', next: 'next' }, new Map([['rotation.json', 'r']]));
  const { records } = await store.read();
  expect([...records].sort()).toEqual([
    ['published.json', 'a b'],
    ['rotation.json', 'r'],
  ]);
  expect(await store.readRecord('published.json')).toBe('a b');
});

test('of those who move the slots from the same picture, one does', async () => {
  const { revision } = await store.read();
  const others = await Promise.all([1, 2, 3, 4].map(() => openDirectoryStore(directory)));
  const moved = await Promise.all(
    others.map((one, at) =>
      one.rearrange(revision, { active: 'active', next: rootNamed(`n${String(at)}`) }, nothing),
    ),
  );
  expect(moved.filter(Boolean)).toHaveLength(1);
  expect((await roots())['next']).toBe(`n${String(moved.indexOf(true))}`);
});

test('a picture that is old moves nothing', async () => {
  const { revision } = await store.read();
  await move({ active: 'active', next: rootNamed('b') });
  expect(await store.rearrange(revision, { active: 'next' }, nothing)).toBe(false);
  expect(await roots()).toEqual({ active: 'a', next: 'b' });
});

test('a file is written to the slot that its root is in by now, and to none when it is gone', async () => {
  await move({ active: rootNamed('b'), retired: 'active' });
  expect(await store.writeSlotFile('a', 'server-issuer.pem', 'text')).toBe(true);
  const { slots } = await store.read();
  expect(slots.get('retired')?.get('server-issuer.pem')).toBe('text');
  expect(slots.get('active')?.has('server-issuer.pem')).toBe(false);
  await move({ active: 'active' });
  expect(await store.writeSlotFile('a', 'server-issuer.pem', 'text')).toBe(false);
});

test('what a move that was killed has left is removed, when it is old', async () => {
  await move({ active: 'active', next: rootNamed('b') });
  for (const [name, ageMs] of [
    ['slot-00', 3_600_000],
    ['slot-01', 0],
  ] as const) {
    mkdirSync(join(directory, name), { mode: 0o700 });
    writeFileSync(join(directory, name, 'root-key.pem'), 'key', { mode: 0o600 });
    const atSeconds = (Date.now() - ageMs) / 1000;
    utimesSync(join(directory, name), atSeconds, atSeconds);
  }
  expect(await roots(await openDirectoryStore(directory))).toEqual({ active: 'a', next: 'b' });
  expect(readdirSync(directory)).not.toContain('slot-00');
  expect(readdirSync(directory)).toContain('slot-01');
});

test.each([
  ['no JSON', 'x'],
  ['no active slot', '{"slots":{"next":"next"}}'],
  ['a folder elsewhere', '{"slots":{"active":"../../etc"}}'],
])('an arrangement with %s is refused', async (_what, text) => {
  writeFileSync(join(directory, 'slots-000007.json'), text, { mode: 0o600 });
  await expect(store.read()).rejects.toMatchObject({ code: 'CaCorrupt' });
});

test('readers of a store whose slots move never see a mixture', async () => {
  const mover = { isDone: false };
  const seen = new Set<string>();
  const reading = (async () => {
    const reader = await openDirectoryStore(directory);
    while (!mover.isDone) seen.add(JSON.stringify(await roots(reader)));
  })();
  for (let round = 0; round < 10; round += 1) {
    const { active } = await roots();
    const other = active === 'a' ? 'b' : 'a';
    await move({ active: 'active', next: rootNamed(other) });
    await move({ active: 'next', retired: 'active' });
    await move({ active: 'active' });
  }
  mover.isDone = true;
  await reading;
  const whole = ['a', 'b'].flatMap((one) => {
    const other = one === 'a' ? 'b' : 'a';
    return [{ active: one }, { active: one, next: other }, { active: one, retired: other }].map(
      (each) => JSON.stringify(each),
    );
  });
  expect([...seen].filter((one) => !whole.includes(one))).toEqual([]);
});
