/** JSON values as they come from outside: checked once for size and depth, then read without casts. */

/** A JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | JsonMap;

/** A JSON object. */
export interface JsonMap {
  readonly [name: string]: Json | undefined;
}

const maxDepth = 64;
const maxNodes = 100_000;

/** Whether `value` is a JSON value at most 64 levels deep with at most 100,000 parts. */
export function isModestJson(value: unknown): value is Json {
  let nodes = 0;
  const walk = (node: unknown, depth: number): boolean => {
    nodes += 1;
    if (nodes > maxNodes || depth > maxDepth) return false;
    if (node === null || typeof node === 'string' || typeof node === 'boolean') return true;
    if (typeof node === 'number') return Number.isFinite(node);
    if (typeof node !== 'object') return false;
    if (Array.isArray(node)) return node.every((item) => walk(item, depth + 1));
    return Object.values(node).every((item) => item === undefined || walk(item, depth + 1));
  };
  return walk(value, 0);
}

/** Whether it is an object. */
export function isMap(value: Json | undefined): value is JsonMap {
  return typeof value === 'object' && value !== null && !isList(value);
}

/** Whether it is a list. */
export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** The object; an empty one in place of anything else. */
export function mapOf(value: Json | undefined): JsonMap {
  return isMap(value) ? value : {};
}

/** The objects in a list; none in place of anything else. */
export function mapsOf(value: Json | undefined): readonly JsonMap[] {
  return isList(value) ? value.filter(isMap) : [];
}

/** The object in `map` at a path of names; an empty one where there is none. */
export function mapAt(map: JsonMap, ...path: readonly string[]): JsonMap {
  return path.reduce<JsonMap>((at, name) => mapOf(ownValue(at, name)), map);
}

/** The value of an own field, so that `constructor` is no field. */
export function ownValue(map: JsonMap, name: string): Json | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined;
}

/** The text of a field; undefined where it is none. */
export function textOf(map: JsonMap, name: string): string | undefined {
  const value = ownValue(map, name);
  return typeof value === 'string' ? value : undefined;
}
