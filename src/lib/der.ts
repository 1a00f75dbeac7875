/** Writes ASN.1 values in DER (ITU-T X.690); tags and lengths only, no schema. */

function lengthOctets(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Buffer.from([0x80 + octets.length, ...octets]);
}

/** One value: `tag`, its length, and `contents` one after the other. */
export function derValue(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthOctets(body.length), body]);
}

/** SEQUENCE. */
export function derSequence(...contents: readonly Uint8Array[]): Buffer {
  return derValue(0x30, ...contents);
}

/** Constructed, context-specific `[number]`; `number` is below 31. */
export function derContext(number: number, ...contents: readonly Uint8Array[]): Buffer {
  return derValue(0xa0 + number, ...contents);
}

/** Primitive, context-specific `[number]` (IMPLICIT); `number` is below 31. */
export function derImplicit(number: number, contents: Uint8Array): Buffer {
  return derValue(0x80 + number, contents);
}

/** INTEGER from an unsigned big-endian magnitude: shortest form, never negative. */
export function derUnsigned(magnitude: Uint8Array): Buffer {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start += 1;
  const octets = magnitude.length === 0 ? Buffer.from([0]) : magnitude.subarray(start);
  const isHighBitSet = (octets[0] ?? 0) >= 0x80;
  return derValue(0x02, ...(isHighBitSet ? [Buffer.from([0])] : []), octets);
}

/** BOOLEAN TRUE. */
export const derTrue: Uint8Array = Buffer.from([0x01, 0x01, 0xff]);

/** OCTET STRING. */
export function derOctets(contents: Uint8Array): Buffer {
  return derValue(0x04, contents);
}

/** BIT STRING whose last `unusedBits` bits are not part of it. */
export function derBits(contents: Uint8Array, unusedBits = 0): Buffer {
  return derValue(0x03, Buffer.from([unusedBits]), contents);
}

/** OBJECT IDENTIFIER from its dotted form, which must be a valid one of two arcs or more. */
export function derOid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const octets: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const base128 = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      base128.unshift((left % 128) + 0x80);
    }
    octets.push(...base128);
  }
  return derValue(0x06, Buffer.from(octets));
}

/** A time in the form RFC 5280 section 4.1.2.5 wants: UTCTime through 2049, GeneralizedTime after; whole seconds. */
export function derTime(epochMs: number): Buffer {
  const digits = new Date(epochMs).toISOString().slice(0, 19).replace(/[-:T]/g, '');
  const isUtcTime = Number(digits.slice(0, 4)) < 2050;
  return isUtcTime
    ? derValue(0x17, Buffer.from(`${digits.slice(2)}Z`))
    : derValue(0x18, Buffer.from(`${digits}Z`));
}

/** `der` in PEM armour under `label`, lines of 64 characters, closed by a line feed. */
export function pemOf(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
