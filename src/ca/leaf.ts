/** Signs end-entity certificates from a fixed DER template: hot, a storm of sidecars runs through here. */
import { createHash, sign, type KeyObject } from 'node:crypto';
import {
  derBits,
  derContext,
  derImplicit,
  derOctets,
  derOid,
  derSequence,
  derTime,
  derTrue,
  derUnsigned,
  pemOf,
} from '../lib/index.js';
import { derContents, derElements } from './der-elements.js';

/** Who signs. */
export interface LeafSigner {
  /** The issuer's subject, DER, exactly as in its certificate. */
  readonly subject: Uint8Array;
  /** The issuer's subject key identifier. */
  readonly keyId: Uint8Array;
  readonly key: KeyObject;
}

/** What the certificate says; its subject is empty, so the alternative name is critical (RFC 5280, 4.2.1.6). */
export interface LeafContents {
  /** Subject public key info, DER. */
  readonly spki: Uint8Array;
  /** One SPIFFE id, or the DNS names of a server of our own. */
  readonly name:
    | { readonly kind: 'spiffe'; readonly id: string }
    | { readonly kind: 'dns'; readonly names: readonly string[] };
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Unsigned, big endian, at most 20 bytes. */
  readonly serial: Uint8Array;
}

/** The signature algorithm of every key of our own (RFC 5758, 3.2), DER. */
export const ecdsaWithSha256: Uint8Array = derSequence(derOid('1.2.840.10045.4.3.2'));
/** That of an RSA key, which an intermediate of somebody else's making may have (RFC 8017, A.2.4), DER. */
const rsaWithSha256 = derSequence(derOid('1.2.840.113549.1.1.11'), Buffer.from([5, 0]));
const version3 = derContext(0, derUnsigned(Buffer.from([2])));
const emptySubject = derSequence();

function criticalExtension(oid: string, value: Uint8Array): Buffer {
  return derSequence(derOid(oid), derTrue, derOctets(value));
}

function extension(oid: string, value: Uint8Array): Buffer {
  return derSequence(derOid(oid), derOctets(value));
}

const notACa = criticalExtension('2.5.29.19', derSequence());
// Bit 0 alone, digitalSignature: X509-SVID section 4.3 forbids keyCertSign and cRLSign here.
const digitalSignature = criticalExtension('2.5.29.15', derBits(Buffer.from([0x80]), 7));
const serverAuth = derOid('1.3.6.1.5.5.7.3.1');
const clientAuth = derOid('1.3.6.1.5.5.7.3.2');
const workloadUsages = extension('2.5.29.37', derSequence(serverAuth, clientAuth));
const serverUsages = extension('2.5.29.37', derSequence(serverAuth));

function alternativeName(name: LeafContents['name']): Buffer {
  const names =
    name.kind === 'spiffe'
      ? [derImplicit(6, Buffer.from(name.id, 'ascii'))]
      : name.names.map((dns) => derImplicit(2, Buffer.from(dns, 'ascii')));
  return criticalExtension('2.5.29.17', derSequence(...names));
}

/** The first 160 bits of SHA-256 over the key's bits (RFC 7093, 2), without the byte that counts unused ones. */
function subjectKeyId(spki: Uint8Array): Buffer {
  const bits = derElements(Buffer.from(spki))[1];
  if (bits === undefined) throw new RangeError('expected a subject public key info');
  const hash = createHash('sha256').update(derContents(bits).subarray(1)).digest();
  return extension('2.5.29.14', derOctets(hash.subarray(0, 20)));
}

/** The signed certificate in PEM. */
export function signLeaf(signer: LeafSigner, contents: LeafContents): string {
  const authorityKeyId = extension('2.5.29.35', derSequence(derImplicit(0, signer.keyId)));
  const algorithm = signer.key.asymmetricKeyType === 'rsa' ? rsaWithSha256 : ecdsaWithSha256;
  const toBeSigned = derSequence(
    version3,
    derUnsigned(contents.serial),
    algorithm,
    signer.subject,
    derSequence(derTime(contents.notBeforeMs), derTime(contents.notAfterMs)),
    emptySubject,
    contents.spki,
    derContext(
      3,
      derSequence(
        notACa,
        digitalSignature,
        contents.name.kind === 'spiffe' ? workloadUsages : serverUsages,
        subjectKeyId(contents.spki),
        authorityKeyId,
        alternativeName(contents.name),
      ),
    ),
  );
  const signature = sign('sha256', toBeSigned, signer.key);
  return pemOf('CERTIFICATE', derSequence(toBeSigned, algorithm, derBits(signature)));
}
