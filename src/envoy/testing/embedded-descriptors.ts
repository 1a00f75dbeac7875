// Test support: reads the proto descriptors that an Envoy binary carries.
import { readFileSync } from 'node:fs';
import descriptor from 'protobufjs/ext/descriptor/index.js';

/** A field as the binary states it; `type` is the number of FieldDescriptorProto.Type. */
export interface EmbeddedField {
  readonly name: string;
  readonly number: number;
  readonly label: number;
  readonly type: number;
  readonly typeName?: string;
  readonly oneofIndex?: number;
  readonly proto3Optional?: boolean;
}

interface EmbeddedMessage {
  readonly name: string;
  readonly field?: readonly EmbeddedField[];
  readonly nestedType?: readonly EmbeddedMessage[];
  readonly enumType?: readonly EmbeddedEnum[];
  readonly oneofDecl?: readonly { readonly name: string }[];
  readonly options?: { readonly mapEntry?: boolean };
}

interface EmbeddedEnum {
  readonly name: string;
  readonly value: readonly { readonly name: string; readonly number: number }[];
}

interface EmbeddedFile {
  readonly name: string;
  readonly package: string;
  readonly messageType?: readonly EmbeddedMessage[];
  readonly enumType?: readonly EmbeddedEnum[];
}

/** What one binary knows, by full name. */
export interface EmbeddedSchema {
  readonly messages: ReadonlyMap<string, EmbeddedMessage>;
  readonly enums: ReadonlyMap<string, EmbeddedEnum>;
}

/** Every message and enum whose file descriptor is found in the binary. */
export function readEmbeddedSchema(path: string): EmbeddedSchema {
  const binary = readFileSync(path);
  const messages = new Map<string, EmbeddedMessage>();
  const enums = new Map<string, EmbeddedEnum>();
  const visit = (space: string, message: EmbeddedMessage): void => {
    const name = `${space}.${message.name}`;
    messages.set(name, message);
    for (const nested of message.nestedType ?? []) visit(name, nested);
    for (const nested of message.enumType ?? []) enums.set(`${name}.${nested.name}`, nested);
  };
  for (const file of findFiles(binary)) {
    for (const message of file.messageType ?? []) visit(file.package, message);
    for (const top of file.enumType ?? []) enums.set(`${file.package}.${top.name}`, top);
  }
  return { messages, enums };
}

/** A descriptor begins with field 1, the file's name, which ends in `.proto`. */
function findFiles(binary: Buffer): EmbeddedFile[] {
  const files: EmbeddedFile[] = [];
  const suffix = Buffer.from('.proto');
  for (let at = binary.indexOf(suffix); at >= 0; at = binary.indexOf(suffix, at + 1)) {
    const nameEnd = at + suffix.length;
    const start = findStart(binary, nameEnd);
    const end = start === undefined ? undefined : findEnd(binary, nameEnd);
    if (start === undefined || end === undefined) continue;
    try {
      const decoded = descriptor.FileDescriptorProto.decode(binary.subarray(start, end));
      const file = descriptor.FileDescriptorProto.toObject(decoded) as EmbeddedFile;
      if (typeof file.package === 'string') files.push(file);
    } catch {
      // Text that happens to look like the start of a descriptor.
    }
  }
  return files;
}

/** Where the tag stands whose length leads exactly to the end of the name. */
function findStart(binary: Buffer, nameEnd: number): number | undefined {
  for (let length = 7; length < 128; length++) {
    const start = nameEnd - length - 2;
    if (start < 0) return undefined;
    if (binary[start] === 0x0a && binary[start + 1] === length) {
      return /^[\w./-]+$/.test(binary.toString('latin1', start + 2, nameEnd)) ? start : undefined;
    }
  }
  return undefined;
}

/** Fields 2 to 14 follow one another; what is none of them belongs to something else. */
function findEnd(binary: Buffer, from: number): number | undefined {
  let end = from;
  for (;;) {
    const tag = binary[end] ?? 0;
    const wireType = tag & 7;
    const id = tag >>> 3;
    const isKnown = id >= 2 && id <= 14 && (wireType === 0 || wireType === 2);
    const value = isKnown ? readVarint(binary, end + 1) : undefined;
    if (value === undefined) break;
    const next = value.end + (wireType === 2 ? value.value : 0);
    if (next > binary.length) break;
    end = next;
  }
  return end > from + 4 ? end : undefined;
}

function readVarint(binary: Buffer, from: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let i = 0; i < 4; i++) {
    const byte = binary[from + i] ?? 0;
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return { value, end: from + i + 1 };
  }
  return undefined;
}
