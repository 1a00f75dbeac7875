/** Reads a capture file of Ethernet frames and joins the TCP payload of each direction of each connection. */

/** One direction of one TCP connection. */
export interface Flow {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  /** Payload in the order captured, without segments sent twice. */
  readonly payload: Buffer;
}

const globalHeaderBytes = 24;
const recordHeaderBytes = 16;
const ethernetHeaderBytes = 14;
const littleEndianMagic = 0xa1b2c3d4;

/**
 * The flows of a capture, IPv4 only. Throws on a file that is not a little-endian pcap of
 * Ethernet frames (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html); a last record
 * that is cut off is left out.
 */
export function readFlows(file: Buffer): readonly Flow[] {
  if (file.length < globalHeaderBytes || file.readUInt32LE(0) !== littleEndianMagic) {
    throw new Error('not a little-endian pcap file');
  }
  const linkType = file.readUInt32LE(20) & 0xffff;
  if (linkType !== 1) throw new Error(`expected Ethernet frames, found link type ${linkType}`);
  const flows = new Map<string, { flow: Omit<Flow, 'payload'>; segments: Map<number, Buffer> }>();
  let at = globalHeaderBytes;
  while (at + recordHeaderBytes <= file.length) {
    const bytes = file.readUInt32LE(at + 8);
    at += recordHeaderBytes;
    if (at + bytes > file.length) break;
    const segment = readSegment(file.subarray(at, at + bytes));
    at += bytes;
    if (segment === undefined || segment.payload.length === 0) continue;
    const { payload, sequence, ...flow } = segment;
    const key = Object.values(flow).join(' ');
    const known = flows.get(key) ?? { flow, segments: new Map<number, Buffer>() };
    flows.set(key, known);
    if (!known.segments.has(sequence)) known.segments.set(sequence, payload);
  }
  return [...flows.values()].map(({ flow, segments }) => ({
    ...flow,
    payload: Buffer.concat([...segments.values()]),
  }));
}

/** One TCP segment of an Ethernet frame; undefined for anything else. */
function readSegment(frame: Buffer): (Flow & { readonly sequence: number }) | undefined {
  if (frame.length < ethernetHeaderBytes + 40 || frame.readUInt16BE(12) !== 0x0800)
    return undefined;
  const ip = frame.subarray(ethernetHeaderBytes);
  const ipHeaderBytes = (ip.readUInt8(0) & 0x0f) * 4;
  const totalBytes = ip.readUInt16BE(2);
  if (ip.readUInt8(9) !== 6) return undefined;
  // A length of 0 stands for segments that the kernel has not cut up yet.
  const tcp = ip.subarray(ipHeaderBytes, totalBytes === 0 ? ip.length : totalBytes);
  const tcpHeaderBytes = (tcp.readUInt8(12) >> 4) * 4;
  return {
    source: address(ip, 12),
    destination: address(ip, 16),
    sourcePort: tcp.readUInt16BE(0),
    destinationPort: tcp.readUInt16BE(2),
    sequence: tcp.readUInt32BE(4),
    payload: tcp.subarray(tcpHeaderBytes),
  };
}

function address(packet: Buffer, at: number): string {
  return [...packet.subarray(at, at + 4)].join('.');
}

/** Whether a flow's first bytes are a TLS record: a handshake, or data when the start was missed (RFC 8446, section 5.1). */
export function isTls({ payload }: Flow): boolean {
  const type = payload[0];
  return (type === 0x16 || type === 0x17) && payload[1] === 0x03;
}

/** Payload bytes of the flows that carry TLS. */
export function tlsBytes(flows: readonly Flow[]): number {
  return flows.filter(isTls).reduce((bytes, { payload }) => bytes + payload.length, 0);
}

/** The flows in which the text stands. */
export function flowsWith(flows: readonly Flow[], text: string): readonly Flow[] {
  return flows.filter(({ payload }) => payload.includes(text));
}
