/**
 * What leaves the machine in a file: closed by a passphrase, scrypt (RFC 7914) for the key and
 * AES-256-GCM for the contents. Changed or cut at any byte, it is refused.
 *
 * The file is PEM around: version, log2 of scrypt's N, salt, nonce, ciphertext with tag, SHA-256 of all
 * that. The checksum keeps nobody out; it tells a damaged file from a wrong passphrase.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  randomBytes as systemRandomBytes,
  scrypt,
} from 'node:crypto';
import { fail, ok, type Result } from '../lib/index.js';

/** What is in the file; one kind is never taken for the other. */
export type SealedKind = 'ROOT KEY' | 'CA BACKUP';

const version = 1;
/** N = 2^17, r = 8, p = 1: 128 MiB and some tenths of a second for each guess. */
const defaultCost = 17;
const leastCost = 10;
const greatestCost = 20;
const blockSize = 8;
const headerBytes = 2 + 16 + 12;
const tagBytes = 16;
const checksumBytes = 32;

function deriveKey(passphrase: string, salt: Uint8Array, cost: number): Promise<Buffer> {
  const N = 2 ** cost;
  const options = { N, r: blockSize, p: 1, maxmem: 130 * N * blockSize };
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFC'), salt, 32, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

function checksum(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function frame(kind: SealedKind, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN SKERRY ${kind}-----`, ...lines, `-----END SKERRY ${kind}-----`, ''].join(
    '\n',
  );
}

function additionalData(kind: SealedKind, header: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`skerry ${kind}\0`), header]);
}

/** The text of the file. `cost` is log2 of scrypt's N, 17 by default. */
export async function seal(
  kind: SealedKind,
  plain: string,
  passphrase: string,
  cost: number = defaultCost,
): Promise<string> {
  const salt = systemRandomBytes(16);
  const nonce = systemRandomBytes(12);
  const header = Buffer.concat([Buffer.from([version, cost]), salt, nonce]);
  const cipher = createCipheriv('aes-256-gcm', await deriveKey(passphrase, salt, cost), nonce);
  cipher.setAAD(additionalData(kind, header));
  const body = Buffer.concat([
    header,
    cipher.update(plain, 'utf8'),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  return frame(kind, Buffer.concat([body, checksum(body)]));
}

/** The bytes before the checksum; undefined when the text is not exactly what `seal` has written. */
function unframe(kind: SealedKind, text: string): Buffer | undefined {
  const lines = text.trimEnd().split('\n').slice(1, -1);
  const bytes = Buffer.from(lines.join(''), 'base64');
  // Node reads Base64 generously; what is read must be what was written.
  if (frame(kind, bytes) !== text) return undefined;
  if (bytes.length < headerBytes + tagBytes + checksumBytes) return undefined;
  const body = bytes.subarray(0, -checksumBytes);
  return checksum(body).equals(bytes.subarray(-checksumBytes)) ? body : undefined;
}

/** What was sealed, or why it cannot be had. */
export async function unseal(
  kind: SealedKind,
  text: string,
  passphrase: string,
): Promise<Result<string, string>> {
  if (!text.startsWith(`-----BEGIN SKERRY ${kind}-----\n`)) {
    return fail(`expected a file that begins with BEGIN SKERRY ${kind}, found something else`);
  }
  const body = unframe(kind, text);
  if (body === undefined) {
    return fail('the file is damaged: it was cut or changed after it was written');
  }
  const [foundVersion = 0, cost = 0] = body;
  if (foundVersion !== version || cost < leastCost || cost > greatestCost) {
    return fail(`expected version ${version} of the file, found version ${foundVersion}`);
  }
  const header = body.subarray(0, headerBytes);
  const key = await deriveKey(passphrase, header.subarray(2, 18), cost);
  const decipher = createDecipheriv('aes-256-gcm', key, header.subarray(18));
  decipher.setAAD(additionalData(kind, header));
  decipher.setAuthTag(body.subarray(-tagBytes));
  try {
    const plain = [decipher.update(body.subarray(headerBytes, -tagBytes)), decipher.final()];
    return ok(Buffer.concat(plain).toString('utf8'));
  } catch {
    return fail('the passphrase is wrong, or the file was tampered with');
  }
}
