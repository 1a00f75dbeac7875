/** Answers DNS queries from a table: A records, and that there is nothing else (RFC 1035, section 4). */

const headerBytes = 12;
const typeA = 1;
const classIn = 1;
const ttlSeconds = 5;
const noSuchName = 3;

/** What was asked, and the datagram to send; undefined for what is no query. */
export interface Reply {
  readonly name: string;
  readonly type: number;
  readonly answer?: Buffer;
}

/** `names`: lower-case name → IPv4 address. */
export function answerQuery(query: Buffer, names: Readonly<Record<string, string>>): Reply {
  const question = readQuestion(query);
  if (question === undefined) return { name: '', type: 0 };
  const { name, type, end } = question;
  const ip = names[name.toLowerCase()];
  const hasAnswer = ip !== undefined && type === typeA;
  const header = Buffer.alloc(headerBytes);
  query.copy(header, 0, 0, 2);
  // Answer, authoritative, recursion as asked for.
  header.writeUInt16BE(0x8480 | (query.readUInt16BE(2) & 0x0100), 2);
  if (ip === undefined) header.writeUInt16BE(header.readUInt16BE(2) | noSuchName, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(hasAnswer ? 1 : 0, 6);
  const parts = [header, query.subarray(headerBytes, end)];
  if (hasAnswer) parts.push(recordOf(ip));
  return { name, type, answer: Buffer.concat(parts) };
}

function readQuestion(
  query: Buffer,
): { readonly name: string; readonly type: number; readonly end: number } | undefined {
  const labels: string[] = [];
  let at = headerBytes;
  for (;;) {
    const length = query[at];
    if (length === undefined || length > 63) return undefined;
    at += 1;
    if (length === 0) break;
    labels.push(query.toString('latin1', at, at + length));
    at += length;
  }
  if (query.length < at + 4) return undefined;
  return { name: labels.join('.'), type: query.readUInt16BE(at), end: at + 4 };
}

/** The name is that of the question, by a pointer to it. */
function recordOf(ip: string): Buffer {
  const record = Buffer.alloc(16);
  record.writeUInt16BE(0xc000 | headerBytes, 0);
  record.writeUInt16BE(typeA, 2);
  record.writeUInt16BE(classIn, 4);
  record.writeUInt32BE(ttlSeconds, 6);
  record.writeUInt16BE(4, 10);
  Buffer.from(ip.split('.').map(Number)).copy(record, 12);
  return record;
}
