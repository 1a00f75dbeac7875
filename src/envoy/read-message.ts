// Reads a message into its JSON form; what the descriptor does not know is left out.
import type { Reader } from 'protobufjs';
import {
  messageTable,
  messageTableOf,
  type FieldTable,
  type KeyTable,
  type MessageTable,
} from './message-table.js';
import { eachField, maxDepth, sectionEnd } from './well-known.js';

type MutableRecord = Record<string, unknown>;

const anyName = 'google.protobuf.Any';

/** Reads the field at the reader's position in a way of its own and returns true, or leaves it. */
export type OwnField = (reader: Reader, id: number, wireType: number) => boolean;

/**
 * The fields up to `end`, but for those of this message itself that `own` takes.
 * @throws RangeError or Error for bytes that are no message.
 */
export function readBody(
  table: MessageTable,
  reader: Reader,
  end: number,
  depth: number,
  own?: OwnField,
): unknown {
  if (depth > maxDepth) throw new Error(`message nested deeper than ${maxDepth}`);
  if (table.wellKnown !== undefined) return table.wellKnown.read(reader, end, depth);
  const record: MutableRecord = {};
  eachField(reader, end, (id, wireType) => {
    if (own?.(reader, id, wireType) === true) return true;
    const field = table.byId.get(id);
    return field !== undefined && readField(field, record, { reader, end, wireType, depth });
  });
  return record;
}

interface Place {
  readonly reader: Reader;
  readonly end: number;
  readonly wireType: number;
  readonly depth: number;
}

function readField(field: FieldTable, record: MutableRecord, place: Place): boolean {
  const { scalar, key } = field;
  if (key !== undefined) {
    if (place.wireType !== 2) return false;
    readEntry(field, key, (record[field.name] ??= {}) as MutableRecord, place);
    return true;
  }
  if (field.shape !== 'single') {
    return readElements(field, (record[field.name] ??= []) as unknown[], place);
  }
  if (place.wireType !== (scalar?.wireType ?? 2)) return false;
  const value = readValue(field, place);
  if (scalar === undefined || field.hasPresence || !scalar.isZero(value)) {
    record[field.name] = value;
  } else {
    // The last one on the wire counts, and zero is spelled by absence.
    Reflect.deleteProperty(record, field.name);
  }
  return true;
}

/** One element, or a packed run of them: both forms must be read whatever the descriptor says. */
function readElements(field: FieldTable, list: unknown[], place: Place): boolean {
  const { scalar } = field;
  if (scalar !== undefined && scalar.wireType !== 2 && place.wireType === 2) {
    const end = sectionEnd(place.reader, place.end);
    while (place.reader.pos < end) list.push(scalar.read(place.reader));
    return true;
  }
  if (place.wireType !== (scalar?.wireType ?? 2)) return false;
  list.push(readValue(field, place));
  return true;
}

function readValue(field: FieldTable, place: Place): unknown {
  if (field.scalar !== undefined) return field.scalar.read(place.reader);
  const end = sectionEnd(place.reader, place.end);
  if (field.message === anyName) return readAny(place.reader, end, place.depth + 1);
  const table = messageTable(field.message ?? '');
  if (table !== undefined) return readBody(table, place.reader, end, place.depth + 1);
  place.reader.pos = end;
  return {};
}

/** An Any of an unknown type keeps its bytes as base64 in `value`. */
function readAny(reader: Reader, end: number, depth: number): unknown {
  let typeUrl = '';
  let body: readonly [number, number] = [end, end];
  eachField(reader, end, (id, wireType) => {
    if (wireType !== 2 || id > 2) return false;
    if (id === 1) {
      typeUrl = reader.string();
    } else {
      const stop = sectionEnd(reader, end);
      body = [reader.pos, stop];
      reader.pos = stop;
    }
    return true;
  });
  const table = messageTableOf(typeUrl);
  const [start, stop] = body;
  if (table === undefined) {
    const bytes = Buffer.from(reader.buf.subarray(start, stop));
    return { '@type': typeUrl, value: bytes.toString('base64') };
  }
  reader.pos = start;
  const value = readBody(table, reader, stop, depth + 1);
  reader.pos = end;
  if (table.wellKnown !== undefined) return { '@type': typeUrl, value };
  return { '@type': typeUrl, ...(value as object) };
}

function readEntry(field: FieldTable, key: KeyTable, map: MutableRecord, place: Place): void {
  const { reader } = place;
  const end = sectionEnd(reader, place.end);
  let name: unknown = key.type === 'string' ? '' : key.type === 'bool' ? false : 0;
  let value: unknown = zeroOf(field);
  eachField(reader, end, (id, wireType) => {
    if (id === 1 && wireType === key.codec.wireType) {
      name = key.codec.read(reader);
    } else if (id === 2 && wireType === (field.scalar?.wireType ?? 2)) {
      value = readValue(field, { reader, end, wireType, depth: place.depth });
    } else {
      return false;
    }
    return true;
  });
  // Not by assignment: a key like `__proto__` must become an entry as any other.
  const entry = { value, enumerable: true, writable: true, configurable: true };
  Object.defineProperty(map, String(name), entry);
}

function zeroOf(field: FieldTable): unknown {
  if (field.scalar === undefined) return {};
  for (const zero of ['', 0, false]) if (field.scalar.isZero(zero)) return zero;
  return 0;
}
