/** Text frames of the WebSocket protocol, short ones only (RFC 6455, section 5.2). */
import { Buffer } from 'node:buffer';

const finalText = 0x81;
const maskBit = 0x80;
const maxShortBytes = 125;

/** One unfragmented text frame; clients give a mask of four bytes. Throws on texts above 125 bytes. */
export function frame(text: string, mask: Buffer | undefined): Buffer {
  const payload = Buffer.from(text);
  if (payload.length > maxShortBytes) throw new Error('expected a short text');
  if (mask === undefined) return Buffer.concat([Buffer.from([finalText, payload.length]), payload]);
  return Buffer.concat([
    Buffer.from([finalText, maskBit | payload.length]),
    mask,
    masked(payload, mask),
  ]);
}

/** The first frame of a buffer and how many bytes it took; undefined while it is not whole. */
export function readFrame(
  buffer: Buffer,
): { readonly text: string; readonly bytes: number } | undefined {
  if (buffer.length < 2) return undefined;
  const isMasked = (buffer.readUInt8(1) & maskBit) !== 0;
  const length = buffer.readUInt8(1) & ~maskBit;
  const start = isMasked ? 6 : 2;
  const bytes = start + length;
  if (buffer.length < bytes) return undefined;
  const payload = buffer.subarray(start, bytes);
  const text = isMasked ? masked(payload, buffer.subarray(2, 6)) : payload;
  return { text: text.toString('utf8'), bytes };
}

function masked(payload: Buffer, mask: Buffer): Buffer {
  return Buffer.from(payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0)));
}
