// Of what a discovery request is made, by its outermost fields alone. Hot: it is asked of each request before anything is made of it.
import protobuf from 'protobufjs/minimal.js';
import { eachField, sectionEnd } from './well-known.js';

/** What a request holds. */
export interface RequestShape {
  /** All fields: each name, and each version that the client holds, is one. */
  readonly fields: number;
  /** That the client asks for, or leaves. */
  readonly names: number;
  /** Of the node. */
  readonly nodeBytes: number;
  /** Of the reason of a NACK. */
  readonly errorBytes: number;
  /** In it. */
  readonly errorFields: number;
}

const sections = {
  delta: { node: 1, names: [3, 4], error: 7 },
  sotw: { node: 2, names: [3], error: 6 },
} as const;

/** @throws Error or RangeError for bytes that are no message. */
export function shapeOfRequest(isDelta: boolean, bytes: Uint8Array): RequestShape {
  const { node, names: named, error } = isDelta ? sections.delta : sections.sotw;
  const [asked, left = asked] = named;
  const reader = protobuf.Reader.create(bytes);
  let fields = 0;
  let names = 0;
  let nodeBytes = 0;
  let errorBytes = 0;
  let errorFields = 0;
  eachField(reader, reader.len, (id, wireType) => {
    fields += 1;
    if (wireType !== 2) return false;
    if (id === asked || id === left) names += 1;
    const end = sectionEnd(reader, reader.len);
    // A section may come in parts, which are merged.
    if (id === node) nodeBytes += end - reader.pos;
    else if (id === error) {
      errorBytes += end - reader.pos;
      eachField(reader, end, () => {
        errorFields += 1;
        return false;
      });
    }
    reader.pos = end;
    return true;
  });
  return { fields, names, nodeBytes, errorBytes, errorFields };
}
