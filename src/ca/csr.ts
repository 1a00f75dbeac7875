/** Reads what strangers send: certificate requests. Hot: a storm of sidecars runs through here. */
import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { fail, ok, type Result } from '../lib/index.js';
import { derContents, derElements } from './der-elements.js';
import { ecdsaWithSha256 } from './leaf.js';

const maxCsrCharacters = 8192;
const csrPattern =
  /^\s*-----BEGIN CERTIFICATE REQUEST-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE REQUEST-----\s*$/;
/** What stands before X and Y of a P-256 key with an uncompressed point, the one form every peer reads (RFC 5480, 2). */
const p256Head = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex');
const coordinateBytes = 32;
const version1 = Buffer.from([0x02, 0x01, 0x00]);
const tags = { bitString: 0x03, sequence: 0x30, attributes: 0xa0 } as const;

interface Request {
  /** What the signature covers. */
  readonly signed: Buffer;
  readonly spki: Buffer;
  readonly algorithm: Buffer;
  readonly signature: Buffer;
}

/** Cuts a CertificationRequest (RFC 2986, 4) into its parts; throws when it is none. */
function cut(der: Buffer): Request {
  const [signed, algorithm, bits, ...more] = derElements(der);
  if (signed === undefined || algorithm === undefined || bits === undefined) {
    throw new RangeError('expected three elements');
  }
  const [version, subject, spki, attributes, ...rest] = derElements(signed);
  const isInForm =
    der[0] === tags.sequence &&
    signed[0] === tags.sequence &&
    bits[0] === tags.bitString &&
    version?.equals(version1) === true &&
    subject?.[0] === tags.sequence &&
    attributes?.[0] === tags.attributes &&
    more.length + rest.length === 0;
  // The first byte counts the bits that are not part of it.
  const signature = derContents(bits);
  if (!isInForm || spki === undefined || signature[0] !== 0) {
    throw new RangeError('expected a certification request');
  }
  return { signed, spki, algorithm, signature: signature.subarray(1) };
}

/** Undefined: it is no P-256 key in the usual form. Throws when the point is not on the curve. */
function readKey(spki: Buffer): KeyObject | undefined {
  const y = p256Head.length + coordinateBytes;
  if (spki.length !== y + coordinateBytes || spki.indexOf(p256Head) !== 0) return undefined;
  const text = (from: number): string =>
    spki.subarray(from, from + coordinateBytes).toString('base64url');
  // As DER it would take OpenSSL twice as long.
  const jwk = { kty: 'EC', crv: 'P-256', x: text(p256Head.length), y: text(y) };
  return createPublicKey({ key: jwk, format: 'jwk' });
}

/**
 * Reads a PKCS #10 request and proves that its sender holds the key. Only the public key comes
 * back, DER: its subject and extensions are a stranger's wishes, which nobody looks at. P-256
 * alone is taken, at most 8,192 characters.
 */
export function checkCsr(pem: string): Result<Uint8Array, string> {
  if (pem.length > maxCsrCharacters) {
    return fail(`expected a certificate request of at most 8192 characters, found ${pem.length}`);
  }
  const base64 = csrPattern.exec(pem)?.[1];
  if (base64 === undefined) return fail('expected one certificate request in PEM');
  try {
    const { signed, spki, algorithm, signature } = cut(Buffer.from(base64, 'base64'));
    const key = readKey(spki);
    if (key === undefined) {
      return fail('expected a P-256 key with an uncompressed point in the certificate request');
    }
    const isPossessed =
      algorithm.equals(ecdsaWithSha256) && verify('sha256', signed, key, signature);
    // A copy: it is kept for long, and must not keep the whole request.
    return isPossessed
      ? ok(Buffer.from(spki))
      : fail('expected the certificate request to be signed with its own key by ECDSA and SHA-256');
  } catch {
    return fail('expected a well-formed certificate request');
  }
}
