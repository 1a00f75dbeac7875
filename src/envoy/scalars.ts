// Scalars between their JSON form and the wire. Hot: no allocation beyond the value itself.
import type { Reader, Writer } from 'protobufjs';
import { unexpected } from './message-error.js';

/** How values of one scalar type travel; `write` emits no tag. */
export interface ScalarCodec {
  /** 0 varint, 1 eight bytes, 2 length delimited, 5 four bytes. */
  readonly wireType: number;
  /** True for the value that proto3 leaves out. Only called on values that `write` accepts. */
  readonly isZero: (value: unknown) => boolean;
  /** @throws MessageError for a value of another type or out of range. */
  readonly write: (writer: Writer, value: unknown) => void;
  readonly read: (reader: Reader) => unknown;
}

const isIntegerZero = (value: unknown): boolean => value === 0;
// Minus zero is a value of its own in protobuf.
const isRealZero = (value: unknown): boolean => Object.is(value, 0);

function integer(value: unknown, low: number, high: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high) {
    return value;
  }
  throw unexpected(`an integer from ${low} to ${high}`, value);
}

const int32 = (value: unknown): number => integer(value, -0x80000000, 0x7fffffff);
const uint32 = (value: unknown): number => integer(value, 0, 0xffffffff);

interface Halves {
  readonly low: number;
  readonly high: number;
  readonly unsigned: boolean;
}

/** A safe number as it is, decimal digits as two halves, which the writer takes too. */
function integer64(value: unknown, unsigned: boolean): number | Halves {
  if (Number.isSafeInteger(value) && (!unsigned || (value as number) >= 0)) return value as number;
  if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) {
    const big = BigInt(value);
    const fits = unsigned ? BigInt.asUintN(64, big) : BigInt.asIntN(64, big);
    if (fits === big) {
      const low = Number(BigInt.asIntN(32, big));
      const high = Number(BigInt.asIntN(32, big >> 32n));
      return { low, high, unsigned };
    }
  }
  throw unexpected(unsigned ? 'an unsigned 64-bit integer' : 'a 64-bit integer', value);
}

/** A number where it is safe, else decimal digits. */
function spell64(value: number | Halves): number | string {
  if (typeof value === 'number') return value;
  const high = value.unsigned ? value.high >>> 0 : value.high;
  const number = high * 0x100000000 + (value.low >>> 0);
  if (Number.isSafeInteger(number)) return number;
  return String((BigInt(high) << 32n) | BigInt(value.low >>> 0));
}

const isZero64 = (value: unknown): boolean =>
  value === 0 || (typeof value === 'string' && /^-?0+$/.test(value));

type Write64 = (writer: Writer, value: never) => unknown;
type Read64 = (reader: Reader) => number | Halves;

function codec64(wireType: number, unsigned: boolean, write: Write64, read: Read64): ScalarCodec {
  return {
    wireType,
    isZero: isZero64,
    write: (writer, value) => {
      write(writer, integer64(value, unsigned) as never);
    },
    read: (reader) => spell64(read(reader)),
  };
}

function codec32(
  wireType: number,
  check: (value: unknown) => number,
  write: (writer: Writer, value: number) => unknown,
  read: (reader: Reader) => number,
): ScalarCodec {
  return {
    wireType,
    isZero: check === real ? isRealZero : isIntegerZero,
    write: (writer, value) => {
      write(writer, check(value));
    },
    read,
  };
}

function real(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw unexpected('a finite number', value);
}

/** Canonical base64 as bytes. */
export function bytesOf(value: unknown): Uint8Array {
  if (typeof value === 'string') {
    const bytes = Buffer.from(value, 'base64');
    if (bytes.toString('base64') === value) return bytes;
  }
  throw unexpected('base64', value);
}

/** Every scalar type of protobuf by its name. */
export const scalars: ReadonlyMap<string, ScalarCodec> = new Map<string, ScalarCodec>([
  [
    'int32',
    codec32(
      0,
      int32,
      (w, v) => w.int32(v),
      (r) => r.int32(),
    ),
  ],
  [
    'uint32',
    codec32(
      0,
      uint32,
      (w, v) => w.uint32(v),
      (r) => r.uint32(),
    ),
  ],
  [
    'sint32',
    codec32(
      0,
      int32,
      (w, v) => w.sint32(v),
      (r) => r.sint32(),
    ),
  ],
  [
    'fixed32',
    codec32(
      5,
      uint32,
      (w, v) => w.fixed32(v),
      (r) => r.fixed32(),
    ),
  ],
  [
    'sfixed32',
    codec32(
      5,
      int32,
      (w, v) => w.sfixed32(v),
      (r) => r.sfixed32(),
    ),
  ],
  [
    'float',
    codec32(
      5,
      real,
      (w, v) => w.float(v),
      (r) => r.float(),
    ),
  ],
  [
    'double',
    codec32(
      1,
      real,
      (w, v) => w.double(v),
      (r) => r.double(),
    ),
  ],
  [
    'int64',
    codec64(
      0,
      false,
      (w, v) => w.int64(v),
      (r) => r.int64(),
    ),
  ],
  [
    'uint64',
    codec64(
      0,
      true,
      (w, v) => w.uint64(v),
      (r) => r.uint64(),
    ),
  ],
  [
    'sint64',
    codec64(
      0,
      false,
      (w, v) => w.sint64(v),
      (r) => r.sint64(),
    ),
  ],
  [
    'fixed64',
    codec64(
      1,
      true,
      (w, v) => w.fixed64(v),
      (r) => r.fixed64(),
    ),
  ],
  [
    'sfixed64',
    codec64(
      1,
      false,
      (w, v) => w.sfixed64(v),
      (r) => r.sfixed64(),
    ),
  ],
  [
    'bool',
    {
      wireType: 0,
      isZero: (value) => value === false,
      write: (writer, value) => {
        if (typeof value !== 'boolean') throw unexpected('true or false', value);
        writer.bool(value);
      },
      read: (reader) => reader.bool(),
    },
  ],
  [
    'string',
    {
      wireType: 2,
      isZero: (value) => value === '',
      write: (writer, value) => {
        if (typeof value !== 'string') throw unexpected('a string', value);
        writer.string(value);
      },
      read: (reader) => reader.string(),
    },
  ],
  [
    'bytes',
    {
      wireType: 2,
      isZero: (value) => value === '',
      write: (writer, value) => {
        writer.bytes(bytesOf(value));
      },
      read: (reader) => Buffer.from(reader.bytes()).toString('base64'),
    },
  ],
]);

/** The codec of a scalar type that is known to exist. */
export function scalarCodec(type: string): ScalarCodec {
  const codec = scalars.get(type);
  if (codec === undefined) throw new Error(`no scalar type ${type}`);
  return codec;
}

/** The codec of an enum: names outside, numbers on the wire; an unknown number is read as it is. */
export function enumCodec(values: Readonly<Record<string, number>>): ScalarCodec {
  const numbers = new Map(Object.entries(values));
  const names = new Map<number, string>();
  for (const [name, number] of numbers) {
    if (!names.has(number)) names.set(number, name);
  }
  return {
    wireType: 0,
    isZero: (value) => numbers.get(value as string) === 0,
    write: (writer, value) => {
      const number = typeof value === 'string' ? numbers.get(value) : undefined;
      if (number === undefined) throw unexpected(`one of ${[...numbers.keys()].join(', ')}`, value);
      writer.int32(number);
    },
    read: (reader) => {
      const number = reader.int32();
      return names.get(number) ?? number;
    },
  };
}
