// Holds the generated descriptor to what the stock Envoy binary says of itself.
import { beforeAll, describe, expect, test } from '@jest/globals';
import { envoyDescriptor, type DescriptorNode } from './descriptor.js';
import { readEmbeddedSchema, type EmbeddedSchema } from './testing/embedded-descriptors.js';
import { envoyBinary } from './testing/envoy-binary.js';

/** Names of FieldDescriptorProto.Type by number; the message and enum types are named by reference. */
const typeNames: readonly string[] =
  ' double float int64 uint64 int32 fixed64 fixed32 bool string group message bytes uint32 enum sfixed32 sfixed64 sint32 sint64'.split(
    ' ',
  );

let schema: EmbeddedSchema;

beforeAll(() => {
  schema = readEmbeddedSchema(envoyBinary());
});

function* nodes(node: DescriptorNode, path = ''): Generator<[string, DescriptorNode]> {
  for (const [name, child] of Object.entries(node.nested ?? {})) {
    const full = path === '' ? name : `${path}.${name}`;
    yield [full, child];
    yield* nodes(child, full);
  }
}

/** Types that protobuf itself defines have their own tests: the codec does not read these tables. */
function generated(has: 'fields' | 'values'): [string, DescriptorNode][] {
  return [...nodes(envoyDescriptor())].filter(
    ([name, node]) => node[has] !== undefined && !name.startsWith('google.protobuf.'),
  );
}

/** A field as one comparable line. */
function generatedField(field: NonNullable<DescriptorNode['fields']>[string]): string {
  if (field.keyType !== undefined) return `${field.id} map<${field.keyType}, ${field.type}>`;
  return `${field.id} ${field.rule === 'repeated' ? 'repeated ' : ''}${field.type}`;
}

function embeddedFields(name: string): Map<string, string> {
  const message = schema.messages.get(name);
  const lines = new Map<string, string>();
  for (const field of message?.field ?? []) {
    const type = field.typeName ?? typeNames[field.type];
    const entry = schema.messages.get((field.typeName ?? '').slice(1));
    if (entry?.options?.mapEntry === true) {
      const [key, value] = (entry.field ?? []).map((part) => part.typeName ?? typeNames[part.type]);
      lines.set(field.name, `${field.number} map<${key ?? ''}, ${value ?? ''}>`);
    } else {
      lines.set(field.name, `${field.number} ${field.label === 3 ? 'repeated ' : ''}${type ?? ''}`);
    }
  }
  return lines;
}

describe('the generated descriptor', () => {
  test('the binary is read: it declares what every bootstrap needs', () => {
    expect(schema.messages.has('envoy.config.bootstrap.v3.Bootstrap')).toBe(true);
    expect(schema.messages.size).toBeGreaterThan(1500);
    expect(generated('fields').length).toBeGreaterThan(500);
  });

  test('every message is one that Envoy has', () => {
    const unknown = generated('fields')
      .map(([name]) => name)
      .filter((name) => !schema.messages.has(name));
    expect(unknown).toEqual([]);
  });

  test('every field has the number, type and cardinality that Envoy gives it', () => {
    const wrong: string[] = [];
    for (const [name, { fields }] of generated('fields')) {
      const embedded = embeddedFields(name);
      for (const [field, known] of Object.entries(fields ?? {})) {
        const ours = generatedField(known);
        const theirs = embedded.get(field) ?? 'nothing';
        if (ours !== theirs) wrong.push(`${name}.${field}: ${ours}, Envoy has ${theirs}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('every choice has the members that Envoy gives it', () => {
    const wrong: string[] = [];
    for (const [name, { fields, oneofs }] of generated('fields')) {
      const message = schema.messages.get(name);
      if (message === undefined || name.startsWith('io.prometheus.')) continue;
      const ours = new Map<string, string>();
      for (const [oneof, { oneof: members }] of Object.entries(oneofs ?? {})) {
        for (const member of members) ours.set(member, oneof);
      }
      for (const field of message.field ?? []) {
        if (!Object.hasOwn(fields ?? {}, field.name)) continue;
        const theirs = message.oneofDecl?.[field.oneofIndex ?? -1]?.name;
        if (ours.get(field.name) !== theirs) wrong.push(`${name}.${field.name}: ${theirs ?? ''}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('every enum value has the number that Envoy gives it', () => {
    const wrong: string[] = [];
    for (const [name, { values }] of generated('values')) {
      const embedded = schema.enums.get(name);
      if (embedded === undefined) wrong.push(`${name}: not in Envoy`);
      const theirs = new Map(embedded?.value.map((value) => [value.name, value.number]));
      for (const [value, number] of Object.entries(values ?? {})) {
        if (theirs.get(value) !== number) wrong.push(`${name}.${value}: ${number}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});
