/** Checks a value against a schema and turns what zod says into findings. */
import { z } from 'zod';
import { descend, type Cursor } from '../cursor.js';
import type { Finding } from '../findings.js';
import { nearestName } from '../nearest.js';
import { describeType } from '../show-value.js';

/**
 * A map with exactly these fields. The message of zod's issue about other fields is the list of
 * known ones, from which {@link checkSchema} makes the hint.
 */
export function strict<T extends z.ZodRawShape>(shape: T): z.ZodObject<T, z.core.$strict> {
  const known = Object.keys(shape).join(' ');
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? known : undefined),
  });
}

// Only grows while modules load; the reference page reads it.
const notYetSchemas = new WeakSet();

/** Marks a part of the schema that this version cannot carry out: well-formed, but refused. */
export function notYet<T extends z.ZodType>(schema: T): T {
  const marked = schema.superRefine((_, context) => {
    context.addIssue({
      code: 'custom',
      message: 'this version of Skerry cannot carry out this field',
      params: { isNotImplemented: true },
    });
  });
  notYetSchemas.add(marked);
  return marked;
}

/** Whether `schema` was marked by {@link notYet}. */
export function isNotYet(schema: object): boolean {
  return notYetSchemas.has(schema);
}

/** A text that `problemOf` finds nothing wrong with; `expected` is said of what is no text at all. */
export function text(
  problemOf: (value: string) => string | undefined,
  expected = 'expected a string',
): z.ZodString {
  return z.string({ error: expected }).superRefine((value, context) => {
    const message = problemOf(value);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });
}

/** The value as the schema has it; undefined, with findings, where it does not fit. */
export function checkSchema<T>(cursor: Cursor, schema: z.ZodType<T>): T | undefined {
  const result = schema.safeParse(cursor.value);
  if (result.success) return result.data;
  for (const issue of result.error.issues) addIssue(cursor, issue);
  return undefined;
}

/** The remedy for a field that is not known, with the name that was probably meant. */
export function unknownField(
  key: string,
  known: readonly string[],
): Pick<Finding, 'message' | 'remedy'> {
  const nearest = nearestName(key, known);
  const list = known.length === 0 ? 'no field' : known.join(', ');
  return {
    message: `unknown field; expected one of ${list}`,
    remedy:
      nearest === undefined ? 'remove the field, or mend its name' : `did you mean ${nearest}?`,
  };
}

function addIssue(cursor: Cursor, issue: z.core.$ZodIssue): void {
  const keys = issue.path.map((key) => (typeof key === 'number' ? key : String(key)));
  const place = descend(cursor, ...keys);
  if (issue.code === 'unrecognized_keys') {
    const known = issue.message.split(' ').filter((name) => name !== '');
    for (const key of issue.keys) {
      const at = descend(place, key);
      cursor.findings.add({ path: at.path, value: at.value, ...unknownField(key, known) });
    }
    return;
  }
  const isNotImplemented = issue.code === 'custom' && issue.params?.['isNotImplemented'] === true;
  cursor.findings.add({
    ...(isNotImplemented ? { code: 'NotImplemented' as const } : {}),
    path: place.path,
    value: place.value,
    message: explain(issue, place.value),
  });
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};

function explain(issue: z.core.$ZodIssue, value: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      if (value === undefined) return 'this field is required';
      return `${expectation(issue)}, found ${describeType(value)}`;
    case 'invalid_value':
      return `expected ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(String).join(', ')}`;
    case 'too_big':
      return `expected at most ${issue.maximum}${unitOf(issue.origin)}`;
    case 'too_small':
      return `expected at least ${issue.minimum}${unitOf(issue.origin)}`;
    case 'invalid_key':
      return issue.issues[0]?.message ?? 'expected another key';
    default:
      return issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
  }
}

/** What {@link text} says, or else the name of the type. */
function expectation(issue: z.core.$ZodIssueInvalidType): string {
  if (issue.message.startsWith('expected ')) return issue.message;
  return `expected ${typeNames[issue.expected] ?? issue.expected}`;
}

function unitOf(origin: string): string {
  if (origin === 'array') return ' entries';
  if (origin === 'string') return ' characters';
  return '';
}
