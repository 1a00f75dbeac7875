/** The CRD: generated and fresh, structural, documented, and never stricter than the parser. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parse, parseAllDocuments } from 'yaml';
import type { z } from 'zod';
import { parseDuration } from '../duration.js';
import { duration, positiveDuration } from '../policy/texts.js';
import { trafficPolicyDefinition } from './definition.js';
import { fieldDocAt, fieldDocKey, fieldDocs } from './docs.js';
import { fieldKey } from './field-table.js';
import { bounds, celRules } from './rules.js';
import { textRules } from './texts.js';

const { definition, fields } = trafficPolicyDefinition();

/** Every schema within, with its place. */
function walk(
  node: unknown,
  path: string,
): readonly (readonly [string, Record<string, unknown>])[] {
  if (typeof node !== 'object' || node === null) return [];
  if (Array.isArray(node)) return node.flatMap((item, index) => walk(item, `${path}[${index}]`));
  const record = node as Record<string, unknown>;
  return [
    [path, record],
    ...Object.entries(record).flatMap(([name, inner]) => walk(inner, `${path}.${name}`)),
  ];
}

const version = (definition as { spec: { versions: [Record<string, unknown>] } }).spec.versions[0];
const schemas = walk(version['schema'], 'schema');
const specPaths = [...fields.map(({ path }) => path), ...fields.map(({ path }) => `${path}[]`)];

test('the committed CRD and reference page are what the generator writes', () => {
  const script = fileURLToPath(new URL('../../../../scripts/generate-crd.mjs', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test('YAML 1.1, which kubectl reads, says the same as YAML 1.2', () => {
  const folder = new URL('../../../../deploy/crds/', import.meta.url);
  for (const file of readdirSync(folder)) {
    const text = readFileSync(new URL(file, folder), 'utf8');
    const [old, current] = (['1.1', '1.2'] as const).map((version) =>
      parseAllDocuments(text, { version }).map((document) => document.toJS() as unknown),
    );
    expect(old).toEqual(current);
  }
});

test('no name and no value of the schema has to be quoted in YAML 1.1', () => {
  const words = schemas.flatMap(([, schema]): readonly unknown[] => [
    ...Object.keys(schema),
    ...(Array.isArray(schema['enum']) ? (schema['enum'] as unknown[]) : []),
  ]);
  const texts = words.filter((word) => typeof word === 'string' && !/^(True|False)$/.test(word));
  expect(texts.filter((word) => parse(String(word), { version: '1.1' }) !== word)).toEqual([]);
});

describe('the schema is structural', () => {
  test('there are no references and no unions', () => {
    const wrong = schemas.filter(([, schema]) =>
      ['$ref', '$defs', 'anyOf', 'oneOf', 'allOf', 'propertyNames', 'const'].some(
        (name) => name in schema,
      ),
    );
    expect(wrong.map(([path]) => path)).toEqual([]);
  });

  test('no map says properties and additionalProperties', () => {
    const wrong = schemas.filter(
      ([, schema]) =>
        schema['type'] === 'object' && 'properties' in schema && 'additionalProperties' in schema,
    );
    expect(wrong.map(([path]) => path)).toEqual([]);
  });

  test('every list and every text of the spec is bounded, so that rules have a cost', () => {
    const wrong = schemas.filter(([path, schema]) => {
      if (!path.includes('.properties.spec')) return false;
      if (schema['type'] === 'array') return schema['maxItems'] === undefined;
      return schema['type'] === 'string' && !('enum' in schema) && !('maxLength' in schema);
    });
    expect(wrong.map(([path]) => path)).toEqual([]);
  });

  test('every map of the spec with properties keeps unknown fields for the parser to report', () => {
    const maps = schemas.filter(
      ([path, schema]) =>
        path.includes('.properties.spec') && schema['type'] === 'object' && 'properties' in schema,
    );
    expect(maps.length).toBeGreaterThan(40);
    const wrong = maps.filter(
      ([, schema]) => schema['x-kubernetes-preserve-unknown-fields'] !== true,
    );
    expect(wrong.map(([path]) => path)).toEqual([]);
  });
});

test('callers can be excluded two levels deep, and what is deeper is left to the parser', () => {
  const not = fields.find(({ path }) => path === 'spec.routes[].matches[].from[].not[].not');
  expect(not?.schema['items']).toMatchObject({
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
  });
});

describe('documentation', () => {
  test('every field is described', () => {
    expect(fields.filter(({ path }) => fieldDocAt(path) === undefined)).toEqual([]);
  });

  test.each([
    ['description', fieldDocs, fields.map(({ path }) => fieldDocKey(path))],
    ['rule', celRules, ['spec', ...specPaths].map((path) => fieldKey(celRules, path))],
    ['bound', bounds, specPaths.map((path) => fieldKey(bounds, path))],
  ])('every %s belongs to a field', (_, table, used) => {
    const idle = Object.keys(table).filter((key) => key !== 'spec' && key !== 'status');
    expect(idle.filter((key) => !used.includes(key))).toEqual([]);
  });

  test('fields that this version refuses say so', () => {
    const tracing = fields.find(({ path }) => path === 'spec.telemetry.tracing');
    expect(tracing).toMatchObject({ isNotYet: true });
    expect(tracing?.schema['description']).toContain('NotImplemented');
    expect(fields.find(({ path }) => path === 'spec.inbound.mtls')).toMatchObject({
      isNotYet: false,
    });
  });
});

const samples = [
  ...['', '0', '0s', '5s', '1.5h', '.5s', '1h30m', '200ms', '25h', '5', '-1s', '5x', '1m0.5s'],
  ...['a', 'a-b', 'A', 'a.b', 'a_b', 'shop/cart', '/', '/a', '/a*', '/*', '/a b', '/a?b', '*'],
  ...['spiffe://a', 'spiffe://a/*', 'spiffe://*', 'spiffe://', '10.0.0.0/8', 'fd00::/8', 'GET'],
  ...['http://a', 'http://a.b:80/c', 'https://a', ':1', '#'],
  ...['x-user', 'x user', 'Host', '-', 'a'.repeat(64), '/'.repeat(4097), 'é', '\n', 'tab\t'],
];

/** Whether the API server would admit the text by pattern and length. */
function isAdmitted(schema: object, text: string): boolean {
  const rules = textRules.get(schema);
  if (rules === undefined) return true;
  const quoted = /self\.matches\('(.*?)'\)/.exec(rules.validations?.[0]?.rule ?? '')?.[1];
  const pattern = rules.pattern ?? quoted;
  if (pattern === undefined) throw new Error('expected a pattern or a rule with one');
  const length = Array.from(text).length;
  return (
    new RegExp(pattern, 'u').test(text) &&
    length <= rules.maxLength &&
    length >= (rules.minLength ?? 0)
  );
}

describe('the API server refuses nothing that the parser takes', () => {
  test.each([...textRules.keys()].map((schema, index) => ({ schema, index })))(
    'text $index',
    ({ schema }) => {
      const parser = schema as z.ZodType;
      const holds = (text: string): boolean =>
        !parser.safeParse(text).success || isAdmitted(schema, text);
      expect(samples.filter((text) => !holds(text))).toEqual([]);
      const texts = fc.array(fc.constantFrom(...samples), { maxLength: 4 });
      fc.assert(fc.property(texts, (pieces) => holds(pieces.join(''))));
    },
  );

  test('a text that the parser takes is among the samples of every schema', () => {
    const idle = [...textRules.keys()].filter(
      (schema) => !samples.some((text) => (schema as z.ZodType).safeParse(text).success),
    );
    expect(idle).toEqual([]);
  });

  test('what is no duration is refused by both', () => {
    for (const text of samples) {
      if (isAdmitted(duration, text)) continue;
      expect(parseDuration(text).problem).toBeDefined();
      expect(positiveDuration.safeParse(text).success).toBe(false);
    }
  });
});
