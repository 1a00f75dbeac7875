/** Turns the zod schemas into a structural schema, as CustomResourceDefinitions must have (apiextensions/v1). */
import { z } from 'zod';
import { isNotYet } from '../policy/check.js';
import { fieldDocAt } from './docs.js';
import { fieldAt } from './field-table.js';
import { bounds, celRulesAt } from './rules.js';
import { labelMaps, labelValueRules, textRules, type TextRules } from './texts.js';

/** A part of a structural schema. */
export type Schema = Readonly<Record<string, unknown>>;

/** What a walk of the schema tells of a field besides its schema. */
export interface Field {
  /** `spec.routes[].timeout`. */
  readonly path: string;
  readonly schema: Schema;
  readonly isRequired: boolean;
  /** Refused as `NotImplemented` by this version, itself or with what it stands in. */
  readonly isNotYet: boolean;
}

const notYetMark = 'x-skerry-not-yet';
const selfReference = '$ref';
/** `from` holds `not`, which holds `from` again: a structural schema ends somewhere. */
const maxRecursion = 2;
const keepUnknown = { 'x-kubernetes-preserve-unknown-fields': true };

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textExtras(rules: TextRules): Schema {
  const { validations, ...rest } = rules;
  return validations === undefined
    ? rest
    : { ...rest, 'x-kubernetes-validations': validations.map((rule) => ({ ...rule })) };
}

function toJsonSchema(schema: z.ZodType): Record<string, unknown> {
  return z.toJSONSchema(schema, {
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      const rules = textRules.get(zodSchema);
      if (rules !== undefined) Object.assign(jsonSchema, textExtras(rules));
      if (isNotYet(zodSchema)) Object.assign(jsonSchema, { [notYetMark]: true });
      if (!labelMaps.has(zodSchema)) return;
      const values = { type: 'string', ...textExtras(labelValueRules) };
      Object.assign(jsonSchema, { minProperties: 1, maxProperties: 32 });
      Object.assign(jsonSchema, { additionalProperties: values });
    },
  });
}

interface Walk {
  readonly definitions: Record<string, unknown>;
  readonly found: Field[];
  /** Whether unknown fields are kept for the parser to report, instead of being pruned in silence. */
  readonly keepsUnknown: boolean;
}

interface Place {
  readonly path: string;
  readonly recursion: number;
  readonly isNotYet: boolean;
}

/** The keywords of a leaf that structural schemas have too. */
const keywords = [
  ...['type', 'pattern', 'minLength', 'maxLength', 'minimum', 'maximum', 'minItems', 'maxItems'],
  ...['minProperties', 'maxProperties', 'x-kubernetes-validations'],
];

function convert(node: unknown, place: Place, walk: Walk): Schema {
  if (!isRecord(node)) throw new Error(`expected a schema at ${place.path}`);
  const reference = node[selfReference];
  if (typeof reference === 'string') {
    if (place.recursion >= maxRecursion) return { type: 'object', ...keepUnknown };
    const name = reference.split('/').at(-1) ?? '';
    return convert(walk.definitions[name], { ...place, recursion: place.recursion + 1 }, walk);
  }
  const here = { ...place, isNotYet: place.isNotYet || node[notYetMark] === true };
  const rules = celRulesAt(here.path);
  return {
    ...description(here),
    ...leaf(node),
    ...items(node, here, walk),
    ...map(node, here, walk),
    ...fieldAt(bounds, here.path),
    ...(rules.length === 0
      ? {}
      : { 'x-kubernetes-validations': rules.map((rule) => ({ ...rule })) }),
  };
}

function description({ path, isNotYet: isRefused }: Place): Schema {
  const doc = path.endsWith('[]') ? undefined : fieldDocAt(path);
  if (doc === undefined) return {};
  const note = isRefused ? ' This version refuses it as NotImplemented.' : '';
  const preset = doc.preset === undefined ? '' : ` Default: ${doc.preset}.`;
  return { description: `${doc.text}.${preset}${note}` };
}

function leaf(node: Schema): Schema {
  const kept = Object.fromEntries(
    keywords.flatMap((name) => (node[name] === undefined ? [] : [[name, node[name]]])),
  );
  const values = node['enum'];
  if (!Array.isArray(values)) return { ...kept, ...limits(node) };
  const isWhole = values.every((value) => Number.isInteger(value));
  return { ...kept, ...(isWhole ? { type: 'integer' } : {}), enum: values };
}

/** The largest safe integer is no limit that anybody set. */
function limits(node: Schema): Schema {
  return node['maximum'] === Number.MAX_SAFE_INTEGER ? { maximum: undefined } : {};
}

function items(node: Schema, place: Place, walk: Walk): Schema {
  if (node['items'] === undefined) return {};
  return { items: convert(node['items'], { ...place, path: `${place.path}[]` }, walk) };
}

function map(node: Schema, place: Place, walk: Walk): Schema {
  const { properties, additionalProperties: values } = node;
  if (isRecord(properties)) return object(node, properties, place, walk);
  if (!isRecord(values)) return {};
  return {
    additionalProperties: convert(values, { ...place, path: `${place.path}{}` }, walk),
  };
}

function object(
  node: Schema,
  properties: Record<string, unknown>,
  place: Place,
  walk: Walk,
): Schema {
  const required: readonly unknown[] = Array.isArray(node['required']) ? node['required'] : [];
  const fields = Object.entries(properties).map(([name, inner]) => {
    const path = `${place.path}.${name}`;
    const isMarked = place.isNotYet || (isRecord(inner) && inner[notYetMark] === true);
    const at = walk.found.length;
    const schema = convert(inner, { ...place, path, isNotYet: place.isNotYet }, walk);
    const isRequired = required.includes(name);
    // Before the fields inside it.
    walk.found.splice(at, 0, { path, schema, isRequired, isNotYet: isMarked });
    return [name, schema] as const;
  });
  return {
    ...(required.length === 0 ? {} : { required: [...required] }),
    properties: Object.fromEntries(fields),
    // Pruning begins again wherever properties are named, so each map says it.
    ...(walk.keepsUnknown ? keepUnknown : {}),
  };
}

/** A structural schema and its fields, in order. Throws where the schemas use what has no structural form. */
export function toStructural(
  name: 'spec' | 'status',
  schema: z.ZodType,
): { readonly schema: Schema; readonly fields: readonly Field[] } {
  const json = toJsonSchema(schema);
  const definitions = isRecord(json['$defs']) ? json['$defs'] : {};
  const found: Field[] = [];
  const walk = { definitions, found, keepsUnknown: name === 'spec' };
  const made = convert(json, { path: name, recursion: 0, isNotYet: false }, walk);
  return { schema: withoutUndefined(made), fields: found };
}

function withoutUndefined(schema: Schema): Schema {
  // By way of JSON, which has no undefined.
  const copy: unknown = JSON.parse(JSON.stringify(schema));
  return isRecord(copy) ? copy : {};
}
