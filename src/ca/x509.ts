/** Shapes CA certificates, with `@peculiar/x509`; leaves are made in leaf.ts. */
import 'reflect-metadata';
import {
  BasicConstraintsExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { webcrypto, type KeyObject } from 'node:crypto';
import { derContext, derImplicit, derSequence, fail, ok, type Result } from '../lib/index.js';
import { checkCsr } from './csr.js';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

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

/** What an intermediate's certificate is to say, and who signs it. */
export interface IssuerContents extends Validity {
  readonly scope: IssuerScope;
  readonly label: string;
  readonly root: { readonly certPem: string; readonly key: KeyObject };
}

/** The certificate of an intermediate of path length 0 for the key `spki` (DER), signed by `root`; PEM. */
export async function certifyIssuer(spki: Uint8Array, contents: IssuerContents): Promise<string> {
  const publicKey = await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']);
  const root = new X509Certificate(contents.root.certPem);
  const rootKeyId = Buffer.from(readKeyId(root), 'hex');
  const certificate = await X509CertificateGenerator.create(
    {
      subject: `O=Skerry, CN=Skerry ${contents.scope.kind} issuer ${contents.label}`,
      issuer: root.subjectName,
      serialNumber: contents.label,
      notBefore: new Date(contents.notBeforeMs),
      notAfter: new Date(contents.notAfterMs),
      signingAlgorithm: algorithm,
      publicKey,
      signingKey: await importSigningKey(contents.root.key),
      extensions: [
        ...commonExtensions(0),
        await SubjectKeyIdentifierExtension.create(publicKey, false, webcrypto),
        new Extension('2.5.29.35', false, derSequence(derImplicit(0, rootKeyId))),
        nameConstraints(contents.scope),
      ],
    },
    webcrypto,
  );
  return `${certificate.toString('pem')}\n`;
}

/** An intermediate of path length 0 with a fresh key, signed by `root`. */
export async function createIssuer(contents: IssuerContents): Promise<CertifiedKey> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const spki = Buffer.from(await webcrypto.subtle.exportKey('spki', keys.publicKey));
  const certPem = await certifyIssuer(spki, contents);
  return { certPem, keyPem: await pemOfKey(keys.privateKey) };
}

/** A key for an intermediate and the request to certify it, both PEM. */
export interface IssuerRequest {
  readonly csrPem: string;
  /** PKCS #8. */
  readonly keyPem: string;
}

function requestName(kind: IssuerScope['kind']): string {
  return `CN=Skerry ${kind} issuer, O=Skerry`;
}

/** A fresh key, and the request that says what its intermediate is for. */
export async function createIssuerRequest(
  kind: IssuerScope['kind'],
  trustDomain: string,
): Promise<IssuerRequest> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create(
    {
      name: requestName(kind),
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        ...commonExtensions(0),
        new SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${trustDomain}` }]),
      ],
    },
    webcrypto,
  );
  return { csrPem: `${request.toString('pem')}\n`, keyPem: await pemOfKey(keys.privateKey) };
}

/** What a request of `createIssuerRequest` asks for, or why it is none. */
export function readIssuerRequest(
  pem: string,
): Result<
  { readonly spki: Uint8Array; readonly kind: IssuerScope['kind']; readonly trustDomain: string },
  string
> {
  const spki = checkCsr(pem);
  if (!spki.ok) return spki;
  const { subject, names } = readRequestNames(pem);
  const kind = (['workload', 'server'] as const).find((one) => requestName(one) === subject);
  const trustDomain = /^spiffe:\/\/([^/]+)$/.exec(names[0] ?? '')?.[1];
  if (kind === undefined || names.length !== 1 || trustDomain === undefined) {
    return fail(`expected a request by skerry ca csr, found one of ${subject || 'no name'}`);
  }
  return ok({ spki: spki.value, kind, trustDomain });
}

/** What a request calls itself; nothing where it is malformed. */
function readRequestNames(pem: string): {
  readonly subject: string;
  readonly names: readonly string[];
} {
  try {
    const request = new Pkcs10CertificateRequest(pem);
    const extension = request.getExtension('2.5.29.17');
    const names =
      extension === null ? [] : new SubjectAlternativeNameExtension(extension.rawData).names.items;
    return { subject: request.subject, names: names.map(({ value }) => value) };
  } catch {
    return { subject: '', names: [] };
  }
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
