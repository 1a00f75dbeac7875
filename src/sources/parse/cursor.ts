/** Reads untyped values field by field; a wrong type becomes a finding that names the field. */
import type { Labels } from '../../model/index.js';
import type { FieldPath } from './field-path.js';
import type { Findings } from './findings.js';
import { describeType } from './show-value.js';

/** A place inside an object. */
export interface Cursor {
  readonly value: unknown;
  readonly path: FieldPath;
  readonly findings: Findings;
}

/** Whether `value` is a map (not a list, a date or null). */
export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
  );
}

/** The own field `key` of a value; undefined where there is none. */
export function ownField(value: unknown, key: string | number): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Readonly<Record<string | number, unknown>>)[key];
}

/** The place of a field; its value is undefined where the parent has no such field. */
export function child(cursor: Cursor, key: string | number): Cursor {
  return {
    value: ownField(cursor.value, key),
    path: [...cursor.path, key],
    findings: cursor.findings,
  };
}

/** The place of a nested field; each step is as {@link child}. */
export function descend(cursor: Cursor, ...keys: readonly (string | number)[]): Cursor {
  return keys.reduce<Cursor>(child, cursor);
}

/** Whether nothing stands there; Kubernetes reads null as absent. */
export function isAbsent(cursor: Cursor): boolean {
  return cursor.value === undefined || cursor.value === null;
}

/** Adds an `Invalid` finding about this place. */
export function refuse(cursor: Cursor, message: string, remedy?: string): void {
  cursor.findings.add({
    path: cursor.path,
    value: cursor.value,
    message,
    ...(remedy === undefined ? {} : { remedy }),
  });
}

/** Adds a finding that something else was expected here. */
export function refuseType(cursor: Cursor, expected: string): void {
  refuse(cursor, `expected ${expected}, found ${describeType(cursor.value)}`);
}

/** A string; undefined when absent or (with a finding) of another type. */
export function readString(cursor: Cursor): string | undefined {
  if (isAbsent(cursor)) return undefined;
  if (typeof cursor.value === 'string') return cursor.value;
  refuseType(cursor, 'a string');
  return undefined;
}

/** A boolean; undefined when absent or (with a finding) of another type. */
export function readBoolean(cursor: Cursor): boolean | undefined {
  if (isAbsent(cursor)) return undefined;
  if (typeof cursor.value === 'boolean') return cursor.value;
  refuseType(cursor, 'true or false');
  return undefined;
}

/** A port number, 1 to 65535; undefined when absent or (with a finding) anything else. */
export function readPort(cursor: Cursor): number | undefined {
  if (isAbsent(cursor)) return undefined;
  const { value } = cursor;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65535) {
    return value;
  }
  refuse(cursor, 'expected a port number from 1 to 65535');
  return undefined;
}

/** One of the texts given; undefined when absent or (with a finding) anything else. */
export function readChoice<T extends string>(cursor: Cursor, choices: readonly T[]): T | undefined {
  if (isAbsent(cursor)) return undefined;
  const found = choices.find((choice) => choice === cursor.value);
  if (found === undefined) refuse(cursor, `expected one of ${choices.join(', ')}`);
  return found;
}

/** The place itself when it holds a map; undefined when absent or (with a finding) not a map. */
export function readMap(cursor: Cursor): Cursor | undefined {
  if (isAbsent(cursor)) return undefined;
  if (isMap(cursor.value)) return cursor;
  refuseType(cursor, 'a map');
  return undefined;
}

/** The places of a list's items; empty when absent or (with a finding) not a list. */
export function readItems(cursor: Cursor): readonly Cursor[] {
  if (isAbsent(cursor)) return [];
  if (!Array.isArray(cursor.value)) {
    refuseType(cursor, 'a list');
    return [];
  }
  return cursor.value.map((_, index) => child(cursor, index));
}

/** A map of strings; empty when absent. Values of other types are findings. */
export function readLabels(cursor: Cursor): Labels {
  const map = readMap(cursor);
  if (map === undefined || !isMap(map.value)) return {};
  const pairs: (readonly [string, string])[] = [];
  for (const key of Object.keys(map.value)) {
    const value = readString(child(map, key));
    if (value !== undefined) pairs.push([key, value]);
  }
  // fromEntries defines own properties, so a key called __proto__ stays data.
  return Object.fromEntries(pairs);
}

/** Milliseconds since the epoch from an RFC 3339 text or a Date; 0 when absent. */
export function readTime(cursor: Cursor): number {
  if (isAbsent(cursor)) return 0;
  const { value } = cursor;
  const timeMs =
    value instanceof Date
      ? value.getTime()
      : typeof value === 'string' && /^\d{4}-\d\d-\d\d[Tt]/.test(value)
        ? Date.parse(value)
        : NaN;
  if (!Number.isNaN(timeMs)) return timeMs;
  refuse(cursor, 'expected a time such as 2025-01-31T12:00:00Z');
  return 0;
}

/** Adds a finding when nothing stands there. */
export function requirePresent(cursor: Cursor): void {
  if (isAbsent(cursor)) refuse(cursor, 'this field is required');
}
