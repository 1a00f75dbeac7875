/** Reads what an API server answers, field by field, without trusting its shape. */

/** An object of unknown shape. */
export type ApiObject = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is ApiObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path of fields; undefined where there is none. */
export function at(object: unknown, ...path: readonly string[]): unknown {
  let value = object;
  for (const name of path) {
    if (!isObject(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

/** The text at a path; undefined where there is none. */
export function textAt(object: unknown, ...path: readonly string[]): string | undefined {
  const value = at(object, ...path);
  return typeof value === 'string' ? value : undefined;
}

/** The number at a path; undefined where there is none. */
export function numberAt(object: unknown, ...path: readonly string[]): number | undefined {
  const value = at(object, ...path);
  return typeof value === 'number' ? value : undefined;
}

/** The list at a path; empty where there is none. */
export function listAt(object: unknown, ...path: readonly string[]): readonly unknown[] {
  const value = at(object, ...path);
  return Array.isArray(value) ? (value as unknown[]) : [];
}

/** The time at a path, in milliseconds since the epoch; undefined where there is none. */
export function timeAt(object: unknown, ...path: readonly string[]): number | undefined {
  const ms = Date.parse(textAt(object, ...path) ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}

/** The condition of a type in `status.conditions`. */
export function conditionOf(object: unknown, type: string): unknown {
  return listAt(object, 'status', 'conditions').find((one) => textAt(one, 'type') === type);
}

/** `namespace/name`, or `name` of what has no namespace. */
export function nameOf(object: unknown): string {
  const namespace = textAt(object, 'metadata', 'namespace');
  const name = textAt(object, 'metadata', 'name') ?? '';
  return namespace === undefined ? name : `${namespace}/${name}`;
}
