// Test support: any message of a type, in the spelling that decoding gives back.
import fc from 'fast-check';
import { findDescriptor, type DescriptorNode, type FieldDescriptor } from '../descriptor.js';

type AnyArbitrary = fc.Arbitrary<unknown>;

const integers = (min: number, max: number): AnyArbitrary => fc.integer({ min, max });
const signed = integers(-0x80000000, 0x7fffffff);
const unsigned = integers(0, 0xffffffff);
const spell64 = (value: bigint): unknown =>
  Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
const signed64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(spell64);
const unsigned64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(spell64);
const finite = { noNaN: true, noDefaultInfinity: true };
const base64 = fc.uint8Array({ maxLength: 12 }).map((b) => Buffer.from(b).toString('base64'));
const text = fc.string({ unit: 'binary', maxLength: 12 });
// Objects list keys like '7' first, which would make protobufjs change the order of a map.
const keyText = text.map((rest) => `k${rest}`);

const scalarArbitraries: Readonly<Record<string, AnyArbitrary>> = {
  bool: fc.boolean(),
  bytes: base64,
  string: text,
  double: fc.double(finite),
  float: fc.float(finite),
  int32: signed,
  sint32: signed,
  sfixed32: signed,
  uint32: unsigned,
  fixed32: unsigned,
  int64: signed64,
  sint64: signed64,
  sfixed64: signed64,
  uint64: unsigned64,
  fixed64: unsigned64,
};

const duration = fc
  .tuple(fc.boolean(), fc.integer({ min: 1, max: 315_576_000 }), fc.nat(999_999_999))
  .map(([isNegative, seconds, nanos]) => {
    const rest = nanos === 0 ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`;
    return `${isNegative ? '-' : ''}${seconds}${rest}s`;
  });
const timestamp = fc
  .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString().replace(/\.000Z$/, 'Z'))
  .map((time) => time.replace(/(\.\d*?)0+Z$/, '$1Z'));

// -0 becomes 0 in JSON text, and NaN cannot be written: both are left to tests of their own.
const json = fc
  .jsonValue({ maxDepth: 2 })
  .map((value): unknown => JSON.parse(JSON.stringify(value), namedByText));

function namedByText(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [`k${key}`, inner]));
}

const wellKnownArbitraries: Readonly<Record<string, AnyArbitrary>> = {
  Any: fc.constantFrom(
    { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
    { '@type': 'type.googleapis.com/envoy.config.core.v3.Pipe', path: 'p', mode: 7 },
    { '@type': 'type.googleapis.com/google.protobuf.StringValue', value: 'x' },
    { '@type': 'type.googleapis.com/google.protobuf.Struct', value: { a: [null, { b: 1.5 }] } },
  ),
  BoolValue: fc.boolean(),
  BytesValue: base64,
  DoubleValue: fc.double(finite),
  FloatValue: fc.float(finite),
  Int32Value: signed,
  Int64Value: signed64,
  StringValue: text,
  UInt32Value: unsigned,
  UInt64Value: unsigned64,
  Duration: duration,
  Timestamp: timestamp,
  Empty: fc.constant({}),
  ListValue: fc.array(json, { maxLength: 3 }),
  Struct: fc.dictionary(keyText, json, { maxKeys: 3 }),
  Value: json,
};

/** Messages of that type down to `depth` levels; at most one member of each choice is set. */
export function arbitraryMessage(fullName: string, depth: number): AnyArbitrary {
  const special = /^google\.protobuf\.(\w+)$/.exec(fullName);
  if (special !== null) return wellKnownArbitraries[special[1] ?? ''] ?? fc.constant({});
  const node = findDescriptor(fullName) ?? {};
  const fields = Object.entries(node.fields ?? {}).filter(
    ([, field]) => depth > 0 || !isMessage(field),
  );
  // Arbitraries are made for the chosen fields only: all of them, to any depth, would be millions.
  return fc
    .subarray(fields, { maxLength: Math.min(5, fields.length) })
    .map((chosen) => oneOfEach(node, chosen))
    .chain((chosen) =>
      fc.record(
        Object.fromEntries(chosen.map(([name, field]) => [name, arbitraryField(field, depth)])),
      ),
    )
    .map((record) => withoutZeros(node, record));
}

function isMessage(field: FieldDescriptor): boolean {
  const name = field.type.slice(1);
  if (!field.type.startsWith('.') || name.startsWith('google.protobuf.')) return false;
  return findDescriptor(name)?.values === undefined;
}

function arbitraryField(field: FieldDescriptor, depth: number): AnyArbitrary {
  const value = arbitraryValue(field, depth);
  if (field.keyType !== undefined) {
    const key = field.keyType === 'string' ? keyText : signed.map(String);
    return fc.dictionary(key, value, { minKeys: 1, maxKeys: 3 });
  }
  return field.rule === 'repeated' ? fc.array(value, { minLength: 1, maxLength: 3 }) : value;
}

function arbitraryValue(field: FieldDescriptor, depth: number): AnyArbitrary {
  const scalar = scalarArbitraries[field.type];
  if (scalar !== undefined) return scalar;
  const name = field.type.slice(1);
  const values = findDescriptor(name)?.values;
  if (values === undefined) return arbitraryMessage(name, depth - 1);
  // Where two names share a number, the first is the one that is read back.
  const byNumber = new Map(
    Object.entries(values)
      .reverse()
      .map(([key, id]) => [id, key]),
  );
  return fc.constantFrom(...byNumber.values());
}

function choices(node: DescriptorNode): Map<string, string> {
  const result = new Map<string, string>();
  for (const [oneof, { oneof: members }] of Object.entries(node.oneofs ?? {})) {
    for (const member of members) result.set(member, oneof);
  }
  return result;
}

function oneOfEach<F>(node: DescriptorNode, fields: readonly (readonly [string, F])[]) {
  const choiceOf = choices(node);
  const taken = new Set<string>();
  return fields.filter(([name]) => {
    const choice = choiceOf.get(name);
    if (choice === undefined) return true;
    if (taken.has(choice)) return false;
    taken.add(choice);
    return true;
  });
}

/** Zeros of fields without presence are spelled by absence. */
function withoutZeros(node: DescriptorNode, record: Readonly<Record<string, unknown>>): unknown {
  const choiceOf = choices(node);
  return Object.fromEntries(
    Object.entries(record).filter(([name, value]) => {
      const type = node.fields?.[name]?.type ?? '';
      const values = type.startsWith('.') ? findDescriptor(type.slice(1))?.values : undefined;
      if (choiceOf.has(name) || (type.startsWith('.') && values === undefined)) return true;
      return !(Object.is(value, 0) || value === '' || value === false || isZeroName(values, value));
    }),
  );
}

function isZeroName(values: Readonly<Record<string, number>> | undefined, value: unknown): boolean {
  return typeof value === 'string' && values?.[value] === 0;
}
