// What encoding needs to know of each message type, worked out once per type at first use.
import { findDescriptor, type FieldDescriptor } from './descriptor.js';
import { enumCodec, scalarCodec, scalars, type ScalarCodec } from './scalars.js';
import { wellKnown, type BodyCodec } from './well-known.js';

/** How the keys of a map travel. */
export interface KeyTable {
  readonly type: string;
  readonly codec: ScalarCodec;
}

/** One field; objects of one shape, because encoding is hot. */
export interface FieldTable {
  readonly name: string;
  readonly id: number;
  /** Single, or a list: packed, or with a tag for each. A map has a `key` besides. */
  readonly shape: 'single' | 'packed' | 'list';
  /** The codec of scalars and enums; undefined for messages. */
  readonly scalar: ScalarCodec | undefined;
  /** Full name of the message type; undefined for scalars and enums. */
  readonly message: string | undefined;
  /** The keys of a map. */
  readonly key: KeyTable | undefined;
  /** True where zero differs from absent: members of a oneof and `optional` fields. */
  readonly hasPresence: boolean;
  /** The oneof it belongs to. */
  readonly oneof: string | undefined;
}

/** One message type. */
export interface MessageTable {
  readonly fullName: string;
  readonly typeUrl: string;
  readonly byName: ReadonlyMap<string, FieldTable>;
  readonly byId: ReadonlyMap<number, FieldTable>;
  /** Set for google.protobuf types with a JSON form of their own. */
  readonly wellKnown: BodyCodec | undefined;
}

const prefix = 'type.googleapis.com/';
const tables = new Map<string, MessageTable>();

/** The table of a message type by full name; undefined where the type is not known. */
export function messageTable(fullName: string): MessageTable | undefined {
  const known = tables.get(fullName);
  if (known !== undefined) return known;
  const fields = findDescriptor(fullName)?.fields;
  const special = wellKnown.get(fullName);
  if (fields === undefined && special === undefined) return undefined;
  const list = fields === undefined ? [] : fieldTables(fullName, fields);
  const table: MessageTable = {
    fullName,
    typeUrl: `${prefix}${fullName}`,
    byName: new Map(list.map((field) => [field.name, field])),
    byId: new Map(list.map((field) => [field.id, field])),
    wellKnown: special,
  };
  tables.set(fullName, table);
  return table;
}

/** The table of a message type by its type URL; undefined where it is not known. */
export function messageTableOf(typeUrl: string): MessageTable | undefined {
  return typeUrl.startsWith(prefix) ? messageTable(typeUrl.slice(prefix.length)) : undefined;
}

function fieldTables(
  fullName: string,
  fields: Readonly<Record<string, FieldDescriptor>>,
): FieldTable[] {
  const oneofs = new Map<string, string>();
  for (const [name, { oneof }] of Object.entries(findDescriptor(fullName)?.oneofs ?? {})) {
    for (const member of oneof) oneofs.set(member, name);
  }
  return Object.entries(fields).map(([name, field]) => fieldTable(name, field, oneofs.get(name)));
}

function fieldTable(name: string, field: FieldDescriptor, oneof: string | undefined): FieldTable {
  const reference = field.type.startsWith('.') ? field.type.slice(1) : undefined;
  const values = reference === undefined ? undefined : findDescriptor(reference)?.values;
  const scalar = values === undefined ? scalars.get(field.type) : enumCodec(values);
  return {
    name,
    id: field.id,
    shape: shapeOf(field, scalar),
    scalar,
    message: scalar === undefined ? reference : undefined,
    key: keyTable(field.keyType),
    hasPresence: oneof !== undefined || field.options?.proto3_optional === true,
    oneof,
  };
}

function keyTable(type: string | undefined): KeyTable | undefined {
  return type === undefined ? undefined : { type, codec: scalarCodec(type) };
}

function shapeOf(field: FieldDescriptor, scalar: ScalarCodec | undefined): FieldTable['shape'] {
  if (field.rule !== 'repeated') return 'single';
  if (scalar === undefined || scalar.wireType === 2) return 'list';
  return field.options?.packed === false ? 'list' : 'packed';
}
