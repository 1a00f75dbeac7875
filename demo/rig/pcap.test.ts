/** Tests of reading capture files. */
import { describe, expect, test } from '@jest/globals';
import { flowsWith, isTls, readFlows, tlsBytes } from './pcap.js';

function globalHeader(linkType = 1): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt32LE(linkType, 20);
  return header;
}

interface Segment {
  readonly from?: string;
  readonly to?: string;
  readonly sequence: number;
  readonly payload: string | Buffer;
}

/** One record: Ethernet, IPv4 without options, TCP with 12 bytes of options. */
function record({ from = '10.66.1.1', to = '10.66.2.1', sequence, payload }: Segment): Buffer {
  const data = Buffer.from(payload);
  const frame = Buffer.alloc(14 + 20 + 32 + data.length);
  frame.writeUInt16BE(0x0800, 12);
  frame.writeUInt8(0x45, 14);
  frame.writeUInt16BE(20 + 32 + data.length, 16);
  frame.writeUInt8(6, 23);
  Buffer.from(from.split('.').map(Number)).copy(frame, 26);
  Buffer.from(to.split('.').map(Number)).copy(frame, 30);
  frame.writeUInt16BE(40_000, 34);
  frame.writeUInt16BE(8_080, 36);
  frame.writeUInt32BE(sequence, 38);
  frame.writeUInt8(8 << 4, 46);
  data.copy(frame, 66);
  const header = Buffer.alloc(16);
  header.writeUInt32LE(frame.length, 8);
  header.writeUInt32LE(frame.length, 12);
  return Buffer.concat([header, frame]);
}

describe('a capture file', () => {
  test('joins text that was cut between segments', () => {
    const flows = readFlows(
      Buffer.concat([
        globalHeader(),
        record({ sequence: 1, payload: 'GET /sec' }),
        record({ sequence: 9, payload: 'ret' }),
      ]),
    );
    expect(flows).toHaveLength(1);
    expect(flowsWith(flows, '/secret')).toHaveLength(1);
    expect(flows[0]).toMatchObject({
      source: '10.66.1.1',
      sourcePort: 40_000,
      destination: '10.66.2.1',
      destinationPort: 8_080,
    });
  });

  test('keeps the two directions apart', () => {
    const flows = readFlows(
      Buffer.concat([
        globalHeader(),
        record({ sequence: 1, payload: 'ask' }),
        record({ from: '10.66.2.1', to: '10.66.1.1', sequence: 1, payload: 'answer' }),
      ]),
    );
    expect(flows.map(({ payload }) => payload.toString())).toEqual(['ask', 'answer']);
  });

  test('counts a segment once that was sent twice', () => {
    const twice = record({ sequence: 1, payload: 'once' });
    const [flow] = readFlows(Buffer.concat([globalHeader(), twice, twice]));
    expect(flow?.payload.toString()).toBe('once');
  });

  test('may end in the middle of a record', () => {
    const whole = record({ sequence: 1, payload: 'whole' });
    const cut = record({ sequence: 6, payload: 'cut' }).subarray(0, 40);
    const [flow] = readFlows(Buffer.concat([globalHeader(), whole, cut]));
    expect(flow?.payload.toString()).toBe('whole');
  });

  test('tells TLS from plaintext by the first bytes', () => {
    const flows = readFlows(
      Buffer.concat([
        globalHeader(),
        record({ sequence: 1, payload: Buffer.from([0x16, 0x03, 0x01, 0, 0]) }),
        record({ to: '10.66.2.2', sequence: 1, payload: 'GET / HTTP/1.1' }),
      ]),
    );
    expect(flows.map(isTls)).toEqual([true, false]);
    expect(tlsBytes(flows)).toBe(5);
  });

  test('of another link type is refused', () => {
    expect(() => readFlows(globalHeader(113))).toThrow('link type 113');
  });

  test('that is none is refused', () => {
    expect(() => readFlows(Buffer.from('not a capture, but long enough'))).toThrow('not a');
  });
});
