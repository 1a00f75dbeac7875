/** One wrong value for each limit of the schema: every enum, pattern, bound and type. */
import type { Schema } from '../structural.js';

/** A spec that breaks one rule of the schema. */
export interface WrongValue {
  /** `spec.routes[0].matches[0].method`. */
  readonly field: string;
  readonly rule: string;
  readonly spec: Readonly<Record<string, unknown>>;
  /** What the API server's message has to contain besides the field. */
  readonly says: string;
}

interface Place {
  readonly schema: Schema;
  readonly field: string;
  /** The whole spec with a value at this place. */
  readonly build: (value: unknown) => Readonly<Record<string, unknown>>;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const texts = ['', 'A_B c', '\u0001', 'é/', 'a'];

/** The schema's own words for limits: keyword, a value that breaks it, and what is said then. */
function breaking(schema: Schema): readonly (readonly [string, unknown, string])[] {
  const number = (name: string): number | undefined =>
    typeof schema[name] === 'number' ? schema[name] : undefined;
  const { pattern } = schema;
  const values = schema['enum'];
  const found: (readonly [string, unknown, string])[] = [];
  const add = (rule: string, value: unknown, says: string): void => {
    found.push([rule, value, says]);
  };
  if (Array.isArray(values)) {
    const wrong = schema['type'] === 'integer' ? 1 : 'Sometimes';
    add('enum', wrong, `supported values: "${String(values[0])}"`);
  }
  if (typeof pattern === 'string') {
    const wrong = texts.find((text) => text !== '' && !new RegExp(pattern, 'u').test(text));
    add('pattern', wrong, 'should match');
  }
  const [minimum, maximum] = [number('minimum'), number('maximum')];
  if (minimum !== undefined) add('minimum', minimum - 1, `greater than or equal to ${minimum}`);
  if (maximum !== undefined) add('maximum', maximum + 1, `less than or equal to`);
  const maxLength = number('maxLength');
  if (maxLength !== undefined && pattern === undefined) {
    add('maxLength', 'a'.repeat(maxLength + 1), 'Too long');
  }
  if (number('minLength') !== undefined && pattern === undefined) add('minLength', '', 'at least');
  const maxItems = number('maxItems');
  if (maxItems !== undefined)
    add('maxItems', Array(maxItems + 1).fill(example(schema['items'])), 'Too many');
  if (number('minItems') !== undefined) add('minItems', [], 'should have at least');
  if (number('minProperties') !== undefined) add('minProperties', {}, 'should have at least');
  add('type', schema['type'] === 'boolean' ? 'yes' : true, 'must be of type');
  return found;
}

const examples = ['a', '/a', '1s', 'shop/cart', 'spiffe://a', '10.0.0.0/8'];

/** A value that the schema takes, to make long lists of. */
function example(schema: unknown): unknown {
  if (!isSchema(schema)) return {};
  const { type, pattern, properties } = schema;
  if (Array.isArray(schema['enum'])) return schema['enum'][0] as unknown;
  if (type === 'integer') return schema['minimum'] ?? 1;
  if (type === 'array') return [example(schema['items'])];
  if (type === 'string') {
    return examples.find(
      (text) => typeof pattern !== 'string' || new RegExp(pattern, 'u').test(text),
    );
  }
  const required = siblings(schema, '');
  if (Object.keys(required).length > 0 || schema['minProperties'] === undefined) return required;
  const [name, inner] = Object.entries(isSchema(properties) ? properties : {})[0] ?? ['a', {}];
  return { [name]: isSchema(inner) ? example(inner) : 'a' };
}

/** What has to stand beside a field. */
function siblings(schema: Schema, without: string): Readonly<Record<string, unknown>> {
  const properties = isSchema(schema['properties']) ? schema['properties'] : {};
  const required = Array.isArray(schema['required']) ? (schema['required'] as string[]) : [];
  const names = required.filter((name) => name !== without);
  return Object.fromEntries(names.map((name) => [name, example(properties[name])]));
}

function walk({ schema, field, build }: Place): readonly WrongValue[] {
  const own = breaking(schema)
    .filter(([rule]) => !(rule === 'type' && schema['type'] === 'boolean' && field === ''))
    .map(([rule, value, says]) => ({ field, rule, says, spec: build(value) }));
  const { items, properties } = schema;
  const inItems = isSchema(items)
    ? walk({ schema: items, field: `${field}[0]`, build: (value) => build([value]) })
    : [];
  const inFields = Object.entries(isSchema(properties) ? properties : {}).flatMap(
    ([name, inner]) =>
      isSchema(inner)
        ? walk({
            schema: inner,
            field: `${field}.${name}`,
            build: (value) => build({ ...siblings(schema, name), [name]: value }),
          })
        : [],
  );
  return [...own, ...inItems, ...inFields];
}

/** All of them, for the schema of the spec. */
export function wrongValues(spec: Schema): readonly WrongValue[] {
  const properties = isSchema(spec['properties']) ? spec['properties'] : {};
  return Object.entries(properties).flatMap(([name, schema]) =>
    isSchema(schema)
      ? walk({
          schema,
          field: `spec.${name}`,
          build: (value) => ({ targetRefs: [{ kind: 'Namespace' }], [name]: value }),
        })
      : [],
  );
}
