// The face of the codec: messages of Envoy's API to canonical bytes and back.
import { createHash } from 'node:crypto';
import protobuf from 'protobufjs/minimal.js';
import type { AnyMessage, AnyTypes } from '../../gen/envoy.js';
import { located, MessageError } from './message-error.js';
import { messageTableOf, type MessageTable } from './message-table.js';
import { readBody, type OwnField } from './read-message.js';
import { writeBody } from './write-message.js';

/** The full name of a message that may travel alone or in an Any. */
export type MessageName = keyof AnyTypes;

/** The type URL of a message. */
export type TypeUrl<N extends MessageName = MessageName> = `type.googleapis.com/${N}`;

/** A message ready to be sent under a name. */
export interface EncodedResource {
  readonly typeUrl: string;
  readonly name: string;
  /** The first 16 hex digits of the SHA-256 of `bytes`. */
  readonly version: string;
  readonly bytes: Uint8Array;
}

/**
 * The message in protobuf's wire format. Canonical: fields in order of their numbers, map keys
 * sorted, zero scalars left out; equal messages give equal bytes.
 * @throws MessageError naming the path, for an unknown field, a value of the wrong form, or two
 * members of one choice.
 */
export function encode<N extends MessageName>(
  typeUrl: TypeUrl<N>,
  message: AnyTypes[N],
): Uint8Array {
  return encodeUnknown(typeUrl, message);
}

/** As `encode`, for a message whose type is known only at run time (read from YAML). */
export function encodeUnknown(typeUrl: string, message: unknown): Uint8Array {
  const writer = protobuf.Writer.create();
  writeBody(tableOf(typeUrl), writer, message);
  return writer.finish();
}

/**
 * As `encodeUnknown`, for bytes that are kept: a small Buffer is a part of one of 8 kB, which stays
 * whole for as long as any part of it (https://nodejs.org/api/buffer.html#static-method-bufferallocunsafeslowsize).
 */
export function encodeKept(typeUrl: string, message: unknown): Uint8Array {
  const bytes = encodeUnknown(typeUrl, message);
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}

/** The message named by its `@type`, encoded once, with the version that its bytes give. */
export function encodeResource(message: AnyMessage, name: string): EncodedResource {
  const typeUrl = message['@type'];
  try {
    const bytes = encodeKept(typeUrl, message);
    return { typeUrl, name, version: versionOf(bytes), bytes };
  } catch (error) {
    throw located(error, name);
  }
}

/** The version of a resource: the first 16 hex digits of the SHA-256 of its bytes. */
export function versionOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

/**
 * The JSON form of encoded bytes. Fields that are not known here are left out; an Any of an
 * unknown type keeps its bytes as base64 in `value`.
 * Top-level fields that `own` takes are not in it.
 * @throws Error for bytes that are no message.
 */
export function decode<N extends MessageName>(
  typeUrl: TypeUrl<N>,
  bytes: Uint8Array,
  own?: OwnField,
): AnyTypes[N] {
  const reader = protobuf.Reader.create(bytes);
  return readBody(tableOf(typeUrl), reader, reader.len, 0, own) as AnyTypes[N];
}

/** As `decode`, for a type known only at run time. */
export function decodeUnknown(typeUrl: string, bytes: Uint8Array): unknown {
  const reader = protobuf.Reader.create(bytes);
  return readBody(tableOf(typeUrl), reader, reader.len, 0);
}

function tableOf(typeUrl: string): MessageTable {
  const table = messageTableOf(typeUrl);
  if (table === undefined) throw new MessageError(`unknown type '${typeUrl}'`);
  return table;
}
