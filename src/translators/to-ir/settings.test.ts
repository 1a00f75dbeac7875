/** The laws of merging: order does not count, the nearest wins each leaf, who loses changes nothing. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { policyKey } from '../../model/index.js';
import type { PolicyHead } from './attach.js';
import { findConflicts, settle, type Leaf, type Speaker } from './settings.js';

/** A section with leaves at two depths, one of them a list. */
interface Says {
  readonly limit?: number;
  readonly retries?: { readonly attempts?: number; readonly on?: readonly string[] };
}

const limit: Leaf<Says, number> = { field: 'spec.limit', get: (says) => says.limit };
const attempts: Leaf<Says, number> = {
  field: 'spec.retries.attempts',
  get: (says) => says.retries?.attempts,
};
const on: Leaf<Says, readonly string[]> = {
  field: 'spec.retries.on',
  get: (says) => says.retries?.on,
};
const leaves: readonly Leaf<Says, unknown>[] = [limit, attempts, on];

function head(namespace: string, name: string, creationTimestampMs: number): PolicyHead {
  const key = policyKey(namespace, name);
  return { key, namespace, name, creationTimestampMs, hash: key, targets: [] };
}

function speaker(name: string, rank: number, says: Says, age = 0): Speaker<Says> {
  return { policy: head('shop', name, age), rank, says };
}

const decided = (speakers: readonly Speaker<Says>[]): unknown[] =>
  leaves.map((leaf) => settle(speakers, leaf));

const says: fc.Arbitrary<Says> = fc.record(
  {
    limit: fc.nat(3),
    retries: fc.record(
      { attempts: fc.nat(3), on: fc.subarray(['reset', '5xx']) },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);

/** One object has one age; it may be near by several targets, and says the same by all of them. */
const speakers: fc.Arbitrary<readonly Speaker<Says>[]> = fc
  .uniqueArray(
    fc.record({
      namespace: fc.constantFrom('shop', 'web'),
      name: fc.constantFrom('a', 'b', 'c'),
      age: fc.nat(1),
      says,
      ranks: fc.uniqueArray(fc.nat(3), { minLength: 1, maxLength: 2 }),
    }),
    { selector: ({ namespace, name }) => `${namespace}/${name}`, maxLength: 6 },
  )
  .map((objects) =>
    objects.flatMap(({ namespace, name, age, says: own, ranks }) =>
      ranks.map((rank) => ({ policy: head(namespace, name, age), rank, says: own })),
    ),
  );

const shuffled = speakers.chain((list) =>
  fc.tuple(
    fc.constant(list),
    fc.shuffledSubarray([...list], { minLength: list.length, maxLength: list.length }),
  ),
);

describe('merging settings', () => {
  test('leaves come from different objects, each with its own field as its origin', () => {
    const mesh = speaker('mesh', 0, { limit: 1, retries: { attempts: 1, on: ['5xx', 'reset'] } });
    const near = speaker('near', 2, { retries: { on: ['reset'] } });
    expect(decided([mesh, near])).toEqual([
      {
        value: 1,
        origin: { object: 'TrafficPolicy shop/mesh', field: 'spec.limit', hash: 'shop/mesh' },
      },
      {
        value: 1,
        origin: {
          object: 'TrafficPolicy shop/mesh',
          field: 'spec.retries.attempts',
          hash: 'shop/mesh',
        },
      },
      {
        value: ['reset'],
        origin: { object: 'TrafficPolicy shop/near', field: 'spec.retries.on', hash: 'shop/near' },
      },
    ]);
  });

  test('a leaf that nobody sets is left to the default', () => {
    expect(decided([speaker('a', 0, {})])).toEqual([undefined, undefined, undefined]);
  });

  test('zero and the empty list are words like others', () => {
    const far = speaker('far', 0, { limit: 5, retries: { on: ['5xx'] } });
    const near = speaker('near', 1, { limit: 0, retries: { on: [] } });
    expect(settle([far, near], limit)?.value).toBe(0);
    expect(settle([far, near], on)?.value).toEqual([]);
  });

  test('the order in which speakers stand does not count', () => {
    fc.assert(
      fc.property(shuffled, ([list, other]) => {
        expect(decided(other)).toEqual(decided(list));
        expect(new Set(findConflicts(other, leaves))).toEqual(new Set(findConflicts(list, leaves)));
      }),
    );
  });

  test('the nearest that sets a leaf wins it, and among equals the older', () => {
    fc.assert(
      fc.property(speakers, (list) => {
        for (const leaf of leaves) {
          const setters = list.filter((one) => leaf.get(one.says) !== undefined);
          const nearest = Math.max(...setters.map(({ rank }) => rank));
          const [winner] = setters
            .filter(({ rank }) => rank === nearest)
            .sort(
              ({ policy: a }, { policy: b }) =>
                a.creationTimestampMs - b.creationTimestampMs ||
                a.name.localeCompare(b.name) ||
                a.namespace.localeCompare(b.namespace),
            );
          const found = settle(list, leaf);
          expect(found?.value).toEqual(winner && leaf.get(winner.says));
          expect(found?.origin.object).toBe(winner && `TrafficPolicy ${winner.policy.key}`);
        }
      }),
    );
  });

  test('merging is idempotent: who is heard twice, and who won nothing, changes nothing', () => {
    fc.assert(
      fc.property(speakers, (list) => {
        expect(decided([...list, ...list])).toEqual(decided(list));
        const winners = new Set(leaves.map((leaf) => settle(list, leaf)?.origin.object));
        const heard = list.filter(({ policy }) => winners.has(`TrafficPolicy ${policy.key}`));
        expect(decided(heard)).toEqual(decided(list));
      }),
    );
  });
});

describe('conflicts', () => {
  test('the younger is told of each field that an older one sets differently, and of no other', () => {
    const older = speaker('b', 1, { limit: 1, retries: { attempts: 2, on: ['5xx'] } }, 1);
    const younger = speaker('a', 1, { limit: 1, retries: { attempts: 3, on: ['reset'] } }, 2);
    const message = 'TrafficPolicy shop/b is older and sets it for the same calls or workloads';
    const object = 'TrafficPolicy shop/a';
    const common = { object, code: 'Conflicted', severity: 'error', message };
    expect(findConflicts([younger, older], leaves)).toEqual([
      { ...common, field: 'spec.retries.attempts' },
      { ...common, field: 'spec.retries.on' },
    ]);
  });

  test('a nearer word is no conflict with a farther one', () => {
    const far = speaker('a', 0, { limit: 1 });
    const near = speaker('b', 1, { limit: 2 }, 1);
    expect(findConflicts([far, near], leaves)).toEqual([]);
  });

  test('who wins a leaf is never told of a conflict in it', () => {
    fc.assert(
      fc.property(speakers, (list) => {
        for (const leaf of leaves) {
          const winner = settle(list, leaf)?.origin.object;
          const nearest = Math.max(
            ...list.filter((one) => leaf.get(one.says) !== undefined).map(({ rank }) => rank),
          );
          const told = findConflicts(
            list.filter(({ rank }) => rank === nearest),
            [leaf],
          ).map(({ object }) => object);
          expect(told).not.toContain(winner);
        }
      }),
    );
  });
});
