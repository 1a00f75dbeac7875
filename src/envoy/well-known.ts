// The types of google.protobuf whose JSON form is not an object of their fields.
import type { Reader, Writer } from 'protobufjs';
import { located, unexpected } from './message-error.js';
import { scalarCodec } from './scalars.js';

/** How the inside of a length-delimited message travels; `read` stops at `end`. */
export interface BodyCodec {
  readonly write: (writer: Writer, value: unknown) => void;
  readonly read: (reader: Reader, end: number, depth: number) => unknown;
}

/** How deep messages may nest when read. */
export const maxDepth = 100;

/** Visits the fields of one message; `visit` reads a field's value and returns true, or false. */
export function eachField(
  reader: Reader,
  end: number,
  visit: (id: number, wireType: number) => boolean,
): void {
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (!visit(tag >>> 3, tag & 7)) reader.skipType(tag & 7);
  }
}

/** Seconds and nanoseconds as proto3 JSON spells them, without needless zeros. */
function fraction(nanos: number): string {
  return nanos === 0 ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`;
}

function readTime(reader: Reader, end: number): { seconds: number; nanos: number } {
  let seconds = 0;
  let nanos = 0;
  eachField(reader, end, (id, wireType) => {
    if (wireType !== 0 || id > 2) return false;
    if (id === 1) seconds = Number(reader.int64());
    else nanos = reader.int32();
    return true;
  });
  return { seconds, nanos };
}

function writeTime(writer: Writer, seconds: number, nanos: number): void {
  if (seconds !== 0) writer.uint32(8).int64(seconds);
  if (nanos !== 0) writer.uint32(16).int32(nanos);
}

const duration: BodyCodec = {
  write: (writer, value) => {
    const parts =
      typeof value === 'string' ? /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(value) : null;
    if (parts === null) throw unexpected(`a duration like '1.5s'`, value);
    const sign = parts[1] === '-' ? -1 : 1;
    const nanos = Number((parts[3] ?? '').padEnd(9, '0'));
    writeTime(writer, sign * Number(parts[2]), sign * nanos);
  },
  read: (reader, end) => {
    const { seconds, nanos } = readTime(reader, end);
    const sign = seconds < 0 || nanos < 0 ? '-' : '';
    return `${sign}${Math.abs(seconds)}${fraction(Math.abs(nanos))}s`;
  },
};

const timestamp: BodyCodec = {
  write: (writer, value) => {
    const form = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/;
    const parts = typeof value === 'string' ? form.exec(value) : null;
    const at = parts === null ? NaN : Date.parse(`${parts[1] ?? ''}Z`);
    if (Number.isNaN(at)) throw unexpected(`a time like '2030-01-31T00:00:00Z'`, value);
    writeTime(writer, at / 1000, Number((parts?.[2] ?? '').padEnd(9, '0')));
  },
  read: (reader, end) => {
    const { seconds, nanos } = readTime(reader, end);
    return `${new Date(seconds * 1000).toISOString().slice(0, 19)}${fraction(nanos)}Z`;
  },
};

function wrapper(scalar: string, zero: unknown): BodyCodec {
  const codec = scalarCodec(scalar);
  return {
    write: (writer, value) => {
      if (codec.isZero(value)) return;
      writer.uint32(8 | codec.wireType);
      codec.write(writer, value);
    },
    read: (reader, end) => {
      let value = zero;
      eachField(reader, end, (id, wireType) => {
        if (id !== 1 || wireType !== codec.wireType) return false;
        value = codec.read(reader);
        return true;
      });
      return value;
    },
  };
}

function writeStruct(writer: Writer, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw unexpected('an object', value);
  }
  const record = value as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(record).sort()) {
    if (record[key] === undefined) continue;
    writer.uint32(10).fork().uint32(10).string(key).uint32(18).fork();
    try {
      writeValue(writer, record[key]);
    } catch (error) {
      throw located(error, key);
    }
    writer.ldelim().ldelim();
  }
}

function writeList(writer: Writer, value: unknown): void {
  if (!Array.isArray(value)) throw unexpected('a list', value);
  for (let i = 0; i < value.length; i++) {
    writer.uint32(10).fork();
    try {
      writeValue(writer, value[i]);
    } catch (error) {
      throw located(error, i);
    }
    writer.ldelim();
  }
}

function writeSection(
  writer: Writer,
  tag: number,
  write: (writer: Writer, value: unknown) => void,
  value: unknown,
): void {
  write(writer.uint32(tag).fork(), value);
  writer.ldelim();
}

function writeValue(writer: Writer, value: unknown): void {
  if (value === null) writer.uint32(8).int32(0);
  else if (typeof value === 'number' && Number.isFinite(value)) writer.uint32(17).double(value);
  else if (typeof value === 'string') writer.uint32(26).string(value);
  else if (typeof value === 'boolean') writer.uint32(32).bool(value);
  else if (Array.isArray(value)) writeSection(writer, 50, writeList, value);
  else if (typeof value === 'object') writeSection(writer, 42, writeStruct, value);
  else throw unexpected('a JSON value', value);
}

function readStruct(reader: Reader, end: number, depth: number): unknown {
  const entries: [string, unknown][] = [];
  eachField(reader, end, (id, wireType) => {
    if (id !== 1 || wireType !== 2) return false;
    let key = '';
    let value: unknown = null;
    const entryEnd = sectionEnd(reader, end);
    eachField(reader, entryEnd, (part, partType) => {
      if (partType !== 2 || part > 2) return false;
      if (part === 1) key = reader.string();
      else value = readValue(reader, sectionEnd(reader, entryEnd), depth + 1);
      return true;
    });
    entries.push([key, value]);
    return true;
  });
  return Object.fromEntries(entries);
}

function readList(reader: Reader, end: number, depth: number): unknown {
  const list: unknown[] = [];
  eachField(reader, end, (id, wireType) => {
    if (id !== 1 || wireType !== 2) return false;
    list.push(readValue(reader, sectionEnd(reader, end), depth + 1));
    return true;
  });
  return list;
}

function readNull(reader: Reader): null {
  reader.int32();
  return null;
}

function readValue(reader: Reader, end: number, depth: number): unknown {
  if (depth > maxDepth) throw new Error(`message nested deeper than ${maxDepth}`);
  let value: unknown = null;
  eachField(reader, end, (id, wireType) => {
    if (wireType !== valueWireTypes[id]) return false;
    if (id === 1) value = readNull(reader);
    else if (id === 2) value = reader.double();
    else if (id === 3) value = reader.string();
    else if (id === 4) value = reader.bool();
    else if (id === 5) value = readStruct(reader, sectionEnd(reader, end), depth + 1);
    else value = readList(reader, sectionEnd(reader, end), depth + 1);
    return true;
  });
  return value;
}

const valueWireTypes: readonly (number | undefined)[] = [undefined, 0, 1, 2, 0, 2, 2];

/** Reads a length and returns where the section ends; it may not pass `limit`. */
export function sectionEnd(reader: Reader, limit: number): number {
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > limit) throw new RangeError(`section of ${length} bytes passes the end of its message`);
  return end;
}

/** Every type of google.protobuf with a JSON form of its own, but Any. */
export const wellKnown: ReadonlyMap<string, BodyCodec> = new Map<string, BodyCodec>([
  ['google.protobuf.Duration', duration],
  ['google.protobuf.Timestamp', timestamp],
  ['google.protobuf.BoolValue', wrapper('bool', false)],
  ['google.protobuf.BytesValue', wrapper('bytes', '')],
  ['google.protobuf.DoubleValue', wrapper('double', 0)],
  ['google.protobuf.FloatValue', wrapper('float', 0)],
  ['google.protobuf.Int32Value', wrapper('int32', 0)],
  ['google.protobuf.Int64Value', wrapper('int64', 0)],
  ['google.protobuf.StringValue', wrapper('string', '')],
  ['google.protobuf.UInt32Value', wrapper('uint32', 0)],
  ['google.protobuf.UInt64Value', wrapper('uint64', 0)],
  ['google.protobuf.Struct', { write: writeStruct, read: readStruct }],
  ['google.protobuf.ListValue', { write: writeList, read: readList }],
  ['google.protobuf.Value', { write: writeValue, read: readValue }],
]);
