/** The delta protocol as bytes: names, versions and nonces are read, resources are only looked at. Hot. */

/** A part of a message: from its first byte to the one behind its last. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** One resource of a response. */
export interface ReadResource {
  readonly name: string;
  readonly version: string;
  /** Where its body is within the response; absent: it has none. */
  readonly body?: Range;
}

/** A DeltaDiscoveryResponse, as far as a simulated sidecar needs it. */
export interface ReadResponse {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources: readonly ReadResource[];
  readonly removed: readonly string[];
}

/** What a request says; absent lists are empty. */
export interface Request {
  readonly typeUrl: string;
  /** An encoded Node. */
  readonly node?: Uint8Array;
  readonly subscribe?: readonly string[];
  readonly unsubscribe?: readonly string[];
  /** By name: what the client holds already. */
  readonly initialVersions?: ReadonlyMap<string, string>;
  readonly nonce?: string;
}

/** A number, and where the next one begins. */
function readVarint(bytes: Uint8Array, at: number): readonly [value: number, next: number] {
  let value = 0;
  let scale = 1;
  for (let next = at; next < bytes.length; next += 1) {
    const byte = bytes[next] ?? 0;
    // Beyond 53 bits only enumerations' signs are lost, which nobody here reads.
    value += (byte & 127) * scale;
    if (byte < 128) return [value, next + 1];
    scale *= 128;
  }
  throw new Error('a number goes on behind the end of the message');
}

/** Calls `visit` for each field that is a text, bytes or a message; numbers come as their value. */
export function eachField(
  bytes: Uint8Array,
  { from, to }: Range,
  visit: (field: number, content: Range | number) => void,
): void {
  let at = from;
  while (at < to) {
    const [tag, behindTag] = readVarint(bytes, at);
    const field = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0: {
        const [value, next] = readVarint(bytes, behindTag);
        visit(field, value);
        at = next;
        break;
      }
      case 1:
        at = behindTag + 8;
        break;
      case 2: {
        const [length, start] = readVarint(bytes, behindTag);
        at = start + length;
        if (at > to) throw new Error('a field goes on behind the end of its message');
        visit(field, { from: start, to: at });
        break;
      }
      case 5:
        at = behindTag + 4;
        break;
      default:
        throw new Error(`a field of wire type ${String(tag % 8)}`);
    }
  }
}

// Of a thousand sidecars each holds the same names: one string each.
const interned = new Map<string, string>();

/** The text of a range. */
export function textAt(bytes: Buffer, { from, to }: Range): string {
  const text = bytes.toString('utf8', from, to);
  const known = interned.get(text);
  if (known !== undefined) return known;
  interned.set(text, text);
  return text;
}

function readResource(bytes: Buffer, range: Range): ReadResource {
  let name = '';
  let version = '';
  let body: Range | undefined;
  eachField(bytes, range, (field, content) => {
    if (typeof content === 'number') return;
    if (field === 1) version = textAt(bytes, content);
    else if (field === 3) name = textAt(bytes, content);
    else if (field === 2) {
      // A message of defaults alone has no bytes, but it is there.
      body = { from: content.to, to: content.to };
      eachField(bytes, content, (inner, value) => {
        if (inner === 2 && typeof value !== 'number') body = value;
      });
    }
  });
  return { name, version, ...(body !== undefined && { body }) };
}

/** Reads a response; throws when the bytes are none. */
export function readResponse(bytes: Buffer): ReadResponse {
  let typeUrl = '';
  let nonce = '';
  const resources: ReadResource[] = [];
  const removed: string[] = [];
  eachField(bytes, { from: 0, to: bytes.length }, (field, content) => {
    if (typeof content === 'number') return;
    if (field === 2) resources.push(readResource(bytes, content));
    else if (field === 4) typeUrl = textAt(bytes, content);
    // Not interned: each is another.
    else if (field === 5) nonce = bytes.toString('utf8', content.from, content.to);
    else if (field === 6) removed.push(textAt(bytes, content));
  });
  return { typeUrl, nonce, resources, removed };
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

function fieldOf(field: number, content: Uint8Array | string): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return Buffer.concat([Buffer.from([field * 8 + 2, ...varint(bytes.length)]), bytes]);
}

/** A request as a message of gRPC: five bytes of frame, then its encoding. */
export function frameRequest(request: Request): Buffer {
  const parts = [
    ...(request.node === undefined ? [] : [fieldOf(1, request.node)]),
    fieldOf(2, request.typeUrl),
    ...(request.subscribe ?? []).map((name) => fieldOf(3, name)),
    ...(request.unsubscribe ?? []).map((name) => fieldOf(4, name)),
    ...[...(request.initialVersions ?? [])].map(([name, version]) =>
      fieldOf(5, Buffer.concat([fieldOf(1, name), fieldOf(2, version)])),
    ),
    ...(request.nonce === undefined ? [] : [fieldOf(6, request.nonce)]),
  ];
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}
