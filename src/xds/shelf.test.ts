/** A law of shelves: short or long, one holds what a table would, in the order in which it came. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { XdsResource } from './resource.js';
import { emptyShelf, findOn, lookAt, placeOn, type Shelf } from './shelf.js';

const types = ['one', 'two'] as const;
const names = Array.from({ length: 7 }, (_, index) => `n${String(index)}`);

const write = fc.record({
  typeUrl: fc.constantFrom(...types),
  name: fc.constantFrom(...names),
  isEager: fc.boolean(),
  isGone: fc.nat({ max: 4 }).map((value) => value === 0),
  version: fc.nat({ max: 2 }).map(String),
});

test('is what a table by type and name would be, over any history', () => {
  let longest = 0;
  fc.assert(
    fc.property(fc.array(write, { maxLength: 40, size: 'max' }), (history) => {
      let shelf: Shelf = emptyShelf;
      const model = new Map<string, XdsResource>();
      for (const { typeUrl, name, isGone, ...rest } of history) {
        const made: XdsResource = { typeUrl, name, ...rest, bytes: new Uint8Array(), origins: [] };
        const resource = isGone ? undefined : made;
        shelf = placeOn(shelf, typeUrl, name, resource) ?? emptyShelf;
        if (resource === undefined) model.delete(`${typeUrl} ${name}`);
        else model.set(`${typeUrl} ${name}`, resource);
        longest = Math.max(longest, model.size);
        for (const type of types) {
          const own = [...model.values()].filter((one) => one.typeUrl === type);
          for (const each of names) {
            expect(findOn(shelf, type, each)).toBe(model.get(`${type} ${each}`));
          }
          const look = lookAt(shelf, type);
          // What has nothing of a type is no layer of it.
          expect(look === undefined).toBe(own.length === 0);
          const eager = own.filter((one) => one.isEager);
          expect([...(look?.all ?? [])]).toEqual(own.map((one) => one.name));
          expect(new Set(look?.eager.values())).toEqual(new Set(eager));
          expect(look?.isAllEager ?? true).toBe(eager.length === own.length);
        }
        expect(placeOn(shelf, 'one', 'unknown', undefined) ?? emptyShelf).toEqual(shelf);
      }
    }),
  );
  // Otherwise no list had become tables.
  expect(longest).toBeGreaterThan(9);
});
