/** Structural equality of rows: what decides whether a wave goes on. Hot. */

/**
 * Whether two values cannot be told apart by looking at them: primitives, arrays, plain objects,
 * Map, Set and Uint8Array, to any depth. Order counts everywhere, in objects and maps too, since a
 * reader can iterate. An absent field differs from an undefined one. Instances of other classes are
 * equal to themselves only. Values must not contain themselves.
 */
export function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) return Array.isArray(b) && equalArrays(a, b);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && equalBytes(a, b);
  if (a instanceof Map) return b instanceof Map && equalMaps(a, b);
  if (a instanceof Set) return b instanceof Set && equalSets(a, b);
  return isPlain(a) && isPlain(b) && equalObjects(a, b);
}

/** Whether `value` was made by a literal or `Object.create(null)`, and so consists of its fields. */
export function isPlain(value: object): value is Readonly<Record<string, unknown>> {
  const prototype: unknown = Object.getPrototypeOf(value);
  // A plain object of another realm (jest runs tests in one) has a prototype without a prototype.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function equalArrays(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) {
    if (!equal(a[i], b[i])) return false;
  }
  return true;
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) {
    if (a[i] !== b[i]) return false;
  }
  return true;
}

function equalMaps(a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): boolean {
  if (a.size !== b.size) return false;
  const others = b.entries();
  for (const [key, value] of a) {
    const other = others.next();
    if (other.done === true || !equal(key, other.value[0]) || !equal(value, other.value[1])) {
      return false;
    }
  }
  return true;
}

function equalSets(a: ReadonlySet<unknown>, b: ReadonlySet<unknown>): boolean {
  if (a.size !== b.size) return false;
  const others = b.values();
  for (const value of a) {
    const other = others.next();
    if (other.done === true || !equal(value, other.value)) return false;
  }
  return true;
}

function equalObjects(
  a: Readonly<Record<string, unknown>>,
  b: Readonly<Record<string, unknown>>,
): boolean {
  const keys = Object.keys(a);
  const others = Object.keys(b);
  if (keys.length !== others.length) return false;
  for (let i = 0; i < keys.length; i += 1) {
    const key = keys[i];
    if (key === undefined || key !== others[i] || !equal(a[key], b[key])) return false;
  }
  return true;
}
