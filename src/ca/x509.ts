/** Shapes CA certificates and reads what strangers send, with `@peculiar/x509`; leaves are made in leaf.ts. */
import 'reflect-metadata';
import {
  BasicConstraintsExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { createPublicKey, verify, webcrypto, type KeyObject } from 'node:crypto';
import { derContext, derImplicit, derSequence, fail, ok, type Result } from '../lib/index.js';
import { derElements } from './der-elements.js';
import { ecdsaWithSha256 } from './leaf.js';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const maxCsrCharacters = 8192;
const csrPattern =
  /^\s*-----BEGIN CERTIFICATE REQUEST-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE REQUEST-----\s*$/;
/** DER length of a P-256 key with an uncompressed point, the one form every peer reads (RFC 5480, 2.2). */
const p256SpkiBytes = 91;

/** A P-256 key pair and the certificate made for it, both PEM. */
export interface CertifiedKey {
  readonly certPem: string;
  /** PKCS #8. */
  readonly keyPem: string;
}

/** A certificate's life, in milliseconds since the Unix epoch. */
export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** What an intermediate may sign; each is held to it by critical name constraints (RFC 5280, 4.2.1.10). */
export type IssuerScope =
  /** SPIFFE ids of this trust domain, and no DNS name or address. */
  | { readonly kind: 'workload'; readonly trustDomain: string }
  /** DNS names of our own servers, and no SPIFFE id or address. */
  | { readonly kind: 'server' };

async function pemOfKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN PRIVATE KEY-----', ...lines, '-----END PRIVATE KEY-----', ''].join('\n');
}

async function importSigningKey(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const der = key.export({ format: 'der', type: 'pkcs8' });
  return webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
}

function commonExtensions(pathLength?: number): Extension[] {
  return [
    new BasicConstraintsExtension(true, pathLength, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
  ];
}

/** A self-signed root for `trustDomain`. `label` tells its name from other roots' (hexadecimal). */
export async function createRoot(
  options: Validity & { readonly trustDomain: string; readonly label: string },
): Promise<CertifiedKey> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: `O=Skerry, CN=Skerry root ${options.label}`,
      serialNumber: options.label,
      notBefore: new Date(options.notBeforeMs),
      notAfter: new Date(options.notAfterMs),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        ...commonExtensions(),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        // A signing certificate's own id has no path (X509-SVID, section 3.1).
        new SubjectAlternativeNameExtension([
          { type: 'url', value: `spiffe://${options.trustDomain}` },
        ]),
      ],
    },
    webcrypto,
  );
  return { certPem: `${certificate.toString('pem')}\n`, keyPem: await pemOfKey(keys.privateKey) };
}

const everyIpv4 = Buffer.alloc(8);
const everyIpv6 = Buffer.alloc(32);

function nameConstraints(scope: IssuerScope): Extension {
  const subtree = (tag: number, base: Uint8Array): Buffer => derSequence(derImplicit(tag, base));
  const addresses = [subtree(7, everyIpv4), subtree(7, everyIpv6)];
  // A kind of name that no subtree mentions is free, so each scope must speak of all three. There
  // is no way to exclude every URI: the server's issuer is given a host that nobody can have.
  const value =
    scope.kind === 'workload'
      ? derSequence(
          derContext(0, subtree(6, Buffer.from(scope.trustDomain, 'ascii'))),
          derContext(1, subtree(2, Buffer.alloc(0)), ...addresses),
        )
      : derSequence(
          derContext(0, subtree(6, Buffer.from('none.invalid', 'ascii'))),
          derContext(1, ...addresses),
        );
  return new Extension('2.5.29.30', true, value);
}

/** An intermediate of path length 0, signed by `root`. */
export async function createIssuer(
  options: Validity & {
    readonly scope: IssuerScope;
    readonly label: string;
    readonly root: { readonly certPem: string; readonly key: KeyObject };
  },
): Promise<CertifiedKey> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const root = new X509Certificate(options.root.certPem);
  const rootKeyId = Buffer.from(readKeyId(root), 'hex');
  const certificate = await X509CertificateGenerator.create(
    {
      subject: `O=Skerry, CN=Skerry ${options.scope.kind} issuer ${options.label}`,
      issuer: root.subjectName,
      serialNumber: options.label,
      notBefore: new Date(options.notBeforeMs),
      notAfter: new Date(options.notAfterMs),
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey: await importSigningKey(options.root.key),
      extensions: [
        ...commonExtensions(0),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        new Extension('2.5.29.35', false, derSequence(derImplicit(0, rootKeyId))),
        nameConstraints(options.scope),
      ],
    },
    webcrypto,
  );
  return { certPem: `${certificate.toString('pem')}\n`, keyPem: await pemOfKey(keys.privateKey) };
}

function readKeyId(certificate: X509Certificate): string {
  const extension = certificate.getExtension(SubjectKeyIdentifierExtension);
  if (extension === null) {
    throw new Error('expected a CA certificate with a subject key identifier, found none');
  }
  return extension.keyId;
}

/** What leaf.ts needs of an issuer's certificate. Throws when the PEM is no CA certificate. */
export function readIssuer(certPem: string): {
  readonly subject: Uint8Array;
  readonly keyId: Uint8Array;
} {
  const certificate = new X509Certificate(certPem);
  return {
    subject: Buffer.from(certificate.subjectName.toArrayBuffer()),
    keyId: Buffer.from(readKeyId(certificate), 'hex'),
  };
}

/**
 * Reads a PKCS #10 request and proves that its sender holds the key. Only the public key comes
 * back, DER: its subject and extensions are a stranger's wishes. P-256 alone is taken, at most
 * 8,192 characters.
 */
export function checkCsr(pem: string): Result<Uint8Array, string> {
  if (pem.length > maxCsrCharacters) {
    return fail(`expected a certificate request of at most 8192 characters, found ${pem.length}`);
  }
  const base64 = csrPattern.exec(pem)?.[1];
  if (base64 === undefined) return fail('expected one certificate request in PEM');
  try {
    const der = Buffer.from(base64, 'base64');
    const request = new Pkcs10CertificateRequest(der);
    const spki = Buffer.from(request.publicKey.rawData);
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1' || spki.length !== p256SpkiBytes) {
      return fail('expected a P-256 key with an uncompressed point in the certificate request');
    }
    const [signed = der, signatureAlgorithm] = derElements(der);
    const isPossessed =
      signatureAlgorithm?.equals(ecdsaWithSha256) === true &&
      verify('sha256', signed, key, Buffer.from(request.signature));
    return isPossessed
      ? ok(spki)
      : fail('expected the certificate request to be signed with its own key by ECDSA and SHA-256');
  } catch {
    return fail('expected a well-formed certificate request');
  }
}
