/** The sidecar's certificate request: nothing but its key and the proof that it holds it. */
import { createPublicKey, sign, type KeyObject } from 'node:crypto';
import { derBits, derContext, derOid, derSequence, derUnsigned, pemOf } from '../lib/index.js';

const ecdsaWithSha256 = derSequence(derOid('1.2.840.10045.4.3.2'));

/**
 * A PKCS #10 request (RFC 2986) in PEM for a P-256 private key. Subject and attributes are empty:
 * who the sidecar is comes from its token, and the authority copies nothing from here but the key.
 */
export function certificateRequest(privateKey: KeyObject): string {
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const info = derSequence(derUnsigned(Buffer.from([0])), derSequence(), spki, derContext(0));
  const signature = derBits(sign('sha256', info, privateKey));
  return pemOf('CERTIFICATE REQUEST', derSequence(info, ecdsaWithSha256, signature));
}
