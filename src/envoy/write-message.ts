// Writes a message from its JSON form: strict, canonical. Hot: every resource passes through here.
import type { Writer } from 'protobufjs';
import { located, MessageError, unexpected } from './message-error.js';
import {
  messageTable,
  messageTableOf,
  type FieldTable,
  type KeyTable,
  type MessageTable,
} from './message-table.js';

type JsonRecord = Readonly<Record<string, unknown>>;

const anyName = 'google.protobuf.Any';

/** Writes the fields of `value` in order of their numbers; no tag, no length. */
export function writeBody(table: MessageTable, writer: Writer, value: unknown): void {
  if (table.wellKnown !== undefined) {
    table.wellKnown.write(writer, value);
    return;
  }
  const record = asRecord(value);
  const present = presentFields(table, record);
  for (const field of present) {
    try {
      writeField(field, writer, record[field.name]);
    } catch (error) {
      throw located(error, field.name);
    }
  }
}

function asRecord(value: unknown): JsonRecord {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as JsonRecord;
  }
  throw unexpected('an object', value);
}

/** The fields that `record` sets, by number; undefined values count as absent. */
function presentFields(table: MessageTable, record: JsonRecord): FieldTable[] {
  const present: FieldTable[] = [];
  for (const key of Object.keys(record)) {
    if (record[key] === undefined) continue;
    const field = table.byName.get(key);
    if (field === undefined) {
      if (key === '@type' && record[key] === table.typeUrl) continue;
      throw new MessageError(`unknown field '${key}' of ${table.fullName}`);
    }
    let at = present.length;
    for (; at > 0; at--) {
      const before = present[at - 1];
      if (before === undefined || before.id < field.id) break;
      present[at] = before;
    }
    present[at] = field;
    if (field.oneof !== undefined) checkOneof(present, field);
  }
  return present;
}

function checkOneof(present: readonly FieldTable[], field: FieldTable): void {
  for (const other of present) {
    if (other.oneof !== field.oneof || other === field) continue;
    const names = [other.name, field.name].sort().join(`' and '`);
    throw new MessageError(
      `'${names}' cannot both be set: they are one choice (${field.oneof ?? ''})`,
    );
  }
}

function writeField(field: FieldTable, writer: Writer, value: unknown): void {
  if (field.key !== undefined) writeMap(field, field.key, writer, value);
  else if (field.shape === 'single') writeSingle(field, writer, value);
  else if (field.shape === 'list') writeList(field, writer, value);
  else writePacked(field, writer, value);
}

function writeSingle(field: FieldTable, writer: Writer, value: unknown): void {
  const { scalar } = field;
  if (scalar === undefined) {
    writeNested(field, writer, value);
  } else if (field.hasPresence || !scalar.isZero(value)) {
    writer.uint32((field.id << 3) | scalar.wireType);
    scalar.write(writer, value);
  }
}

function writeNested(field: FieldTable, writer: Writer, value: unknown): void {
  writer.uint32((field.id << 3) | 2).fork();
  writeInside(field.message ?? '', writer, value);
  writer.ldelim();
}

function writeInside(name: string, writer: Writer, value: unknown): void {
  if (name === anyName) {
    writeAny(writer, value);
  } else {
    const table = messageTable(name);
    if (table === undefined) throw new MessageError(`no JSON form is known for ${name}`);
    writeBody(table, writer, value);
  }
}

/** An Any: the type URL, then the message itself (an empty one too, so that equal stays equal). */
function writeAny(writer: Writer, value: unknown): void {
  const record = asRecord(value);
  const typeUrl = record['@type'];
  if (typeof typeUrl !== 'string') throw unexpected(`'@type'`, typeUrl ?? null);
  const table = messageTableOf(typeUrl);
  if (table === undefined) throw new MessageError(`unknown type '${typeUrl}'`);
  writer.uint32(10).string(typeUrl).uint32(18).fork();
  writeBody(table, writer, table.wellKnown === undefined ? record : record['value']);
  writer.ldelim();
}

function asList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw unexpected('a list', value);
}

function writePacked(field: FieldTable, writer: Writer, value: unknown): void {
  const list = asList(value);
  if (list.length === 0) return;
  writer.uint32((field.id << 3) | 2).fork();
  for (let i = 0; i < list.length; i++) {
    try {
      field.scalar?.write(writer, list[i]);
    } catch (error) {
      throw located(error, i);
    }
  }
  writer.ldelim();
}

function writeList(field: FieldTable, writer: Writer, value: unknown): void {
  const list = asList(value);
  const { scalar } = field;
  for (let i = 0; i < list.length; i++) {
    try {
      if (scalar === undefined) {
        writeNested(field, writer, list[i]);
      } else {
        writer.uint32((field.id << 3) | scalar.wireType);
        scalar.write(writer, list[i]);
      }
    } catch (error) {
      throw located(error, i);
    }
  }
}

/** Entries sorted by key, each with key and value written even when zero. */
function writeMap(field: FieldTable, key: KeyTable, writer: Writer, value: unknown): void {
  const record = asRecord(value);
  const { scalar } = field;
  for (const name of Object.keys(record).sort()) {
    if (record[name] === undefined) continue;
    writer.uint32((field.id << 3) | 2).fork();
    try {
      writer.uint32(8 | key.codec.wireType);
      key.codec.write(writer, mapKey(key.type, name));
      if (scalar === undefined) {
        writer.uint32(18).fork();
        writeInside(field.message ?? '', writer, record[name]);
        writer.ldelim();
      } else {
        writer.uint32(16 | scalar.wireType);
        scalar.write(writer, record[name]);
      }
    } catch (error) {
      throw located(error, name);
    }
    writer.ldelim();
  }
}

/** JSON keys are strings; the wire has numbers and booleans too. */
function mapKey(type: string, name: string): unknown {
  if (type === 'string' || type.endsWith('64')) return name;
  if (type === 'bool') return name === 'true' || (name === 'false' ? false : name);
  return /^-?\d+$/.test(name) ? Number(name) : name;
}
