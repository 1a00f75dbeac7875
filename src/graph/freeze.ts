/** Deep freezing, so that a test fails where a row is changed in place. */
import { isPlain } from './equal.js';

/** Freezes a value to any depth and remembers what is done, so that shared parts cost nothing. */
export type Freeze = (value: unknown) => void;

/**
 * Makes a {@link Freeze} for arrays, plain objects, maps and sets. A map's or set's own methods
 * that would change it throw afterwards. Bytes and instances of other classes are left alone.
 */
export function createFreeze(): Freeze {
  const done = new WeakSet();
  const freeze = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || done.has(value)) return;
    done.add(value);
    if (value instanceof Map) {
      refuse(value, ['set', 'delete', 'clear']);
      for (const [key, entry] of value) {
        freeze(key);
        freeze(entry);
      }
    } else if (value instanceof Set) {
      refuse(value, ['add', 'delete', 'clear']);
      for (const entry of value) freeze(entry);
    } else if (Array.isArray(value) || isPlain(value)) {
      Object.freeze(value);
      for (const entry of Object.values(value)) freeze(entry);
    }
  };
  return freeze;
}

function refuse(value: object, methods: readonly string[]): void {
  for (const method of methods) {
    Object.defineProperty(value, method, {
      configurable: true,
      value: () => {
        throw new TypeError(`cannot ${method}: rows of a graph are read only`);
      },
    });
  }
}
