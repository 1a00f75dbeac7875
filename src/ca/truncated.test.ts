/** What the store holds of the authority, cut off at every byte: nothing is signed with it, and nothing is made anew. */
import { expect, test } from '@jest/globals';
import { spiffeId } from '../model/index.js';
import { openAuthority, type Authority } from './authority.js';
import { CaError } from './ca-error.js';
import { readStored } from './open-slots.js';
import { freshRequest, heldClock } from './test-kit.js';
import { emptyMemory, memoryStore, type SharedMemory } from './testing/memory-store.js';

const trustDomain = 'example.org';
const files = ['root.pem', 'root-key.pem', 'workload-issuer.pem', 'server-issuer.pem'];
const clock = heldClock();

async function made(): Promise<{
  readonly memory: SharedMemory;
  readonly authority: Authority;
  readonly open: () => Promise<Authority>;
}> {
  const memory = emptyMemory();
  const open = (): Promise<Authority> =>
    openAuthority({ store: memoryStore(memory), trustDomain, clock });
  return { memory, authority: await open(), open };
}

function put(memory: SharedMemory, file: string, text: string): void {
  const active = new Map([...(memory.slots.get('active') ?? []), [file, text]]);
  memory.slots = new Map([['active', active]]);
}

/** What reading says: a code, or the root. */
function outcome({ slots, records }: SharedMemory): string {
  try {
    return readStored({ slots, records, revision: '' }, trustDomain, clock.now()).active
      .fingerprint;
  } catch (error) {
    return error instanceof CaError ? error.code : String(error);
  }
}

test.each(files)('%s cut off at any byte is refused as damaged', async (file) => {
  const { memory, authority } = await made();
  const whole = memory.slots.get('active')?.get(file) ?? '';
  expect(whole.length).toBeGreaterThan(100);
  const outcomes = new Map<string, number>();
  // Without its last line break it is whole.
  for (let length = 0; length < whole.trimEnd().length; length += 1) {
    put(memory, file, whole.slice(0, length));
    const found = outcome(memory);
    outcomes.set(found, (outcomes.get(found) ?? 0) + 1);
  }
  expect([...outcomes]).toEqual([['CaCorrupt', whole.trimEnd().length]]);
  put(memory, file, whole.trimEnd());
  expect(outcome(memory)).toBe(authority.slots().active.fingerprint);
});

test('the list of published roots, cut off at any byte, is refused as damaged', async () => {
  const { memory } = await made();
  const whole = memory.records.get('published.json') ?? '';
  const outcomes = new Set<string>();
  for (let length = 0; length < whole.length; length += 1) {
    memory.records = new Map([['published.json', whole.slice(0, length)]]);
    outcomes.add(outcome(memory));
  }
  expect([...outcomes]).toEqual(['CaCorrupt']);
});

test.each(files)(
  '%s cut off while the authority runs: it goes on with what it has, a start is refused, and the store is left alone',
  async (file) => {
    const { memory, authority, open } = await made();
    const whole = memory.slots.get('active')?.get(file) ?? '';
    put(memory, file, whole.slice(0, whole.length / 2));
    const damaged = memory.slots;
    await expect(authority.reload()).rejects.toMatchObject({ code: 'CaCorrupt' });
    const id = spiffeId(trustDomain, 'shop', 'cart');
    const issued = await authority.issue({ spiffeId: id, csr: freshRequest(), podUid: 'u' });
    expect(issued.ok).toBe(true);
    await expect(open()).rejects.toMatchObject({ code: 'CaCorrupt' });
    expect(memory.slots).toBe(damaged);
    put(memory, file, whole);
    expect((await authority.reload()).active.fingerprint).toBe(
      (await open()).slots().active.fingerprint,
    );
  },
);
