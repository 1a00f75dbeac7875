/** A slot of the authority: a root and what it has signed, made whole, read back only when all of it belongs together. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import { CaError } from './ca-error.js';
import type { LeafSigner } from './leaf.js';
import type { SlotName } from './store.js';
import { createIssuer, createRoot, readIssuer, type IssuerScope, type Validity } from './x509.js';

/** Name of the root certificate in a slot. */
export const rootFile = 'root.pem';
/** Name of the root's private key in a slot; an operator may take it away and keep it offline. */
export const rootKeyFile = 'root-key.pem';

/** The file of an intermediate: its certificate, then its key. */
export function issuerFile(kind: IssuerScope['kind']): string {
  return `${kind}-issuer.pem`;
}

/** An intermediate that can sign. */
export interface Issuer extends LeafSigner, Validity {
  /** Its certificate, then those between it and the root; PEM. */
  readonly chainPem: string;
}

/** How an intermediate is named in what it has signed: its subject key identifier, hexadecimal. */
export function keyIdOf({ keyId }: Pick<Issuer, 'keyId'>): string {
  return Buffer.from(keyId).toString('hex');
}

/** A slot as read. */
export interface Slot {
  readonly name: SlotName;
  readonly rootPem: string;
  /** The text of the root's file as it is stored: by it the slot is found again. */
  readonly rootText: string;
  readonly root: X509Certificate;
  readonly fingerprint: string;
  readonly rootNotAfterMs: number;
  /** Absent when kept elsewhere: the intermediates then sign until they expire. */
  readonly rootKey?: KeyObject;
  readonly workload?: Issuer;
  readonly server?: Issuer;
}

/** The SHA-256 fingerprint of a certificate's DER, hexadecimal: how roots are named to operators. */
export function fingerprintOf(certificate: X509Certificate): string {
  return createHash('sha256').update(certificate.raw).digest('hex');
}

/** The SHA-256 of a key's public half (subject public key info, DER), hexadecimal: how requested keys are named. */
export function keyFingerprintOf(key: KeyObject): string {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  return createHash('sha256').update(spki).digest('hex');
}

/** The PEM blocks of a text, in its order; what stands between them is passed over. */
export function pemBlocks(
  text: string,
): readonly { readonly label: string; readonly pem: string }[] {
  const pattern = /-----BEGIN ([A-Z ]+)-----\r?\n[A-Za-z0-9+/=\r\n]+-----END \1-----/g;
  return [...text.matchAll(pattern)].map((match) => ({
    label: match[1] ?? '',
    pem: `${match[0]}\n`,
  }));
}

function corrupt(file: string, found: string, cause?: unknown): CaError {
  return new CaError(
    'CaCorrupt',
    `cannot use ${file}: ${found}: restore the CA from a backup; nothing has been changed`,
    cause,
  );
}

/** The blocks of `text`, which must be exactly those labelled. */
function readBlocks(file: string, text: string, labels: readonly string[]): readonly string[] {
  const blocks = pemBlocks(text);
  const found = blocks.map((block) => block.label).join(', ');
  if (found !== labels.join(', ')) {
    throw corrupt(file, `expected ${labels.join(' and ')} in PEM, found ${found || 'none whole'}`);
  }
  return blocks.map((block) => block.pem);
}

function readCertificate(file: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw corrupt(file, 'the certificate does not parse', error);
  }
}

function readKey(file: string, pem: string, certificate: X509Certificate): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw corrupt(file, 'the private key does not parse', error);
  }
  if (!certificate.checkPrivateKey(key)) {
    throw corrupt(file, 'the private key is not that of the certificate');
  }
  return key;
}

/** Whether each certificate was issued by the next one, and the last by `root`. */
export function closesAt(chain: readonly X509Certificate[], root: X509Certificate): boolean {
  return chain.every((certificate, at) => {
    const issuer = chain[at + 1] ?? root;
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  });
}

/** Reads an intermediate, with what stands between it and `root`, and checks that the chain closes. */
function readIssuerFile(file: string, text: string, root: X509Certificate): Issuer {
  const blocks = pemBlocks(text);
  const between = Math.max(0, blocks.length - 2);
  const labels = [...Array.from({ length: between + 1 }, () => 'CERTIFICATE'), 'PRIVATE KEY'];
  const pems = readBlocks(file, text, labels);
  const keyPem = pems.at(-1) ?? '';
  const certPems = pems.slice(0, -1);
  const chain = certPems.map((pem) => readCertificate(file, pem));
  const [certificate] = chain;
  if (certificate === undefined || !chain.every(({ ca }) => ca) || !closesAt(chain, root)) {
    throw corrupt(file, 'the certificate is not an intermediate of the root beside it');
  }
  return {
    chainPem: certPems.join(''),
    key: readKey(file, keyPem, certificate),
    ...readIssuer(certPems[0] ?? ''),
    notBeforeMs: Math.max(...chain.map(({ validFrom }) => Date.parse(validFrom))),
    notAfterMs: Math.min(...chain.map(({ validTo }) => Date.parse(validTo))),
  };
}

function checkRoot(file: string, root: X509Certificate, trustDomain: string): void {
  if (!root.ca || !root.checkIssued(root) || !root.verify(root.publicKey)) {
    throw corrupt(file, 'the certificate is not a self-signed root');
  }
  const own = `URI:spiffe://${trustDomain}`;
  // A root that an operator brought need not carry an id; one that does must carry ours.
  if (root.subjectAltName !== undefined && root.subjectAltName !== own) {
    throw new CaError(
      'CaMismatch',
      `expected ${file} to be a root of trust domain ${trustDomain}, found ${root.subjectAltName}`,
    );
  }
}

/** Reads a slot's files. Throws `CaCorrupt` or `CaMismatch`, naming the file. */
export function readSlot(
  name: SlotName,
  files: ReadonlyMap<string, string>,
  trustDomain: string,
): Slot {
  const fileOf = (file: string): string => `${name}/${file}`;
  const rootText = files.get(rootFile);
  if (rootText === undefined) throw corrupt(fileOf(rootFile), 'it is missing');
  const [rootPem = ''] = readBlocks(fileOf(rootFile), rootText, ['CERTIFICATE']);
  const root = readCertificate(fileOf(rootFile), rootPem);
  checkRoot(fileOf(rootFile), root, trustDomain);
  const keyText = files.get(rootKeyFile);
  const issuerOf = (kind: IssuerScope['kind']): Issuer | undefined => {
    const text = files.get(issuerFile(kind));
    return text === undefined ? undefined : readIssuerFile(fileOf(issuerFile(kind)), text, root);
  };
  const rootKey =
    keyText === undefined
      ? undefined
      : readKey(
          fileOf(rootKeyFile),
          readBlocks(fileOf(rootKeyFile), keyText, ['PRIVATE KEY'])[0] ?? '',
          root,
        );
  const workload = issuerOf('workload');
  const server = issuerOf('server');
  return {
    name,
    rootPem,
    rootText,
    root,
    fingerprint: fingerprintOf(root),
    rootNotAfterMs: Date.parse(root.validTo),
    ...(rootKey === undefined ? {} : { rootKey }),
    ...(workload === undefined ? {} : { workload }),
    ...(server === undefined ? {} : { server }),
  };
}

/** A positive 127-bit serial number or label, hexadecimal, that never starts with a zero octet. */
export function randomLabel(randomBytes: (count: number) => Uint8Array): string {
  const octets = Buffer.from(randomBytes(16));
  octets[0] = ((octets[0] ?? 0) & 0x7f) | 0x40;
  return octets.toString('hex');
}

/** What making certificates depends on. */
export interface Minting {
  readonly trustDomain: string;
  readonly nowMs: number;
  readonly backdateMs: number;
  readonly rootMs: number;
  readonly issuerMs: number;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** A new intermediate of `slot`'s root as the text of its file. The root's key must be there. */
export async function makeIssuerText(
  kind: IssuerScope['kind'],
  root: { readonly certPem: string; readonly key: KeyObject; readonly notAfterMs: number },
  minting: Minting,
): Promise<string> {
  const issuer = await createIssuer({
    scope: kind === 'workload' ? { kind, trustDomain: minting.trustDomain } : { kind },
    label: randomLabel(minting.randomBytes),
    notBeforeMs: minting.nowMs - minting.backdateMs,
    notAfterMs: Math.min(minting.nowMs + minting.issuerMs, root.notAfterMs),
    root,
  });
  return `${issuer.certPem}${issuer.keyPem}`;
}

/** The files of a new slot: a fresh root and both its intermediates. */
export async function makeSlotFiles(minting: Minting): Promise<ReadonlyMap<string, string>> {
  const notAfterMs = minting.nowMs + minting.rootMs;
  const root = await createRoot({
    trustDomain: minting.trustDomain,
    label: randomLabel(minting.randomBytes),
    notBeforeMs: minting.nowMs - minting.backdateMs,
    notAfterMs,
  });
  const signing = { certPem: root.certPem, key: createPrivateKey(root.keyPem), notAfterMs };
  return new Map([
    [rootFile, root.certPem],
    [rootKeyFile, root.keyPem],
    [issuerFile('workload'), await makeIssuerText('workload', signing, minting)],
    [issuerFile('server'), await makeIssuerText('server', signing, minting)],
  ]);
}
