/** Certificates that were made elsewhere, our own offline root's or a customer's: judged, and put into the form of a slot. */
import { X509Certificate, type KeyObject } from 'node:crypto';
import { fail, ok, type Result } from '../lib/index.js';
import type { IssuerKeys } from './pending-request.js';
import { closesAt, issuerFile, keyFingerprintOf, pemBlocks, rootFile } from './slot.js';
import type { SlotFiles } from './store.js';

/** What is brought, and what it is held against. */
export interface BroughtChain {
  /** The certificates in any order, with or without the root if it is among `knownRoots`; PEM. */
  readonly pem: string;
  readonly keys: IssuerKeys;
  readonly trustDomain: string;
  /** Roots that the authority has already; PEM. */
  readonly knownRoots: readonly string[];
  readonly nowMs: number;
}

const kinds = ['workload', 'server'] as const;

/** How a certificate is named to the one who brought it. */
function nameOf(certificate: X509Certificate): string {
  const subject = certificate.subject.split('\n').join(', ');
  return subject === '' ? `serial ${certificate.serialNumber}` : `"${subject}"`;
}

/** Of RSA, shorter ones are refused by Envoy and others; of curves, these are known to all. */
const leastRsaBits = 2048;
const curves = ['prime256v1', 'secp384r1'];

/** Why others would refuse what `key` signs. */
function judgeKey(key: KeyObject): string | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const expected = `expected an RSA key of at least ${leastRsaBits} bits or an ECDSA key on P-256 or P-384`;
  if (type === 'rsa') {
    const bits = details?.modulusLength ?? 0;
    return bits >= leastRsaBits ? undefined : `${expected}, found RSA of ${bits} bits`;
  }
  if (type === 'ec' && curves.includes(details?.namedCurve ?? '')) return undefined;
  return `${expected}, found ${[type, details?.namedCurve].filter(Boolean).join(' on ')}`;
}

function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);
}

function parseAll(pem: string): Result<readonly X509Certificate[], string> {
  const blocks = pemBlocks(pem);
  const other = blocks.find(({ label }) => label !== 'CERTIFICATE');
  if (other !== undefined) {
    return fail(`expected certificates alone, found ${other.label}: a key is given by --key`);
  }
  if (blocks.length === 0) return fail('expected certificates in PEM, found none that is whole');
  try {
    return ok(blocks.map((block) => new X509Certificate(block.pem)));
  } catch {
    return fail('one of the certificates does not parse');
  }
}

function judge(
  certificate: X509Certificate,
  { trustDomain, nowMs }: BroughtChain,
): string | undefined {
  const name = nameOf(certificate);
  if (!certificate.ca)
    return `${name} is not a CA: its basic constraints or its key usage forbid it to sign`;
  if (nowMs >= Date.parse(certificate.validTo)) {
    return `${name} has expired: it ended on ${certificate.validTo}`;
  }
  if (nowMs < Date.parse(certificate.validFrom)) {
    return `${name} is not valid yet: it begins on ${certificate.validFrom}; is the clock right?`;
  }
  const domains = [...(certificate.subjectAltName ?? '').matchAll(/URI:spiffe:\/\/([^/,\s]+)/g)];
  const foreign = domains.map((match) => match[1]).find((domain) => domain !== trustDomain);
  return foreign === undefined
    ? undefined
    : `${name} is of trust domain ${foreign}, but this mesh is of ${trustDomain}`;
}

/** From `first` up to, and without, the root. */
function chainFrom(
  first: X509Certificate,
  others: readonly X509Certificate[],
): Result<{ readonly chain: readonly X509Certificate[]; readonly root: X509Certificate }, string> {
  const chain: X509Certificate[] = [];
  let current = first;
  while (!isSelfSigned(current)) {
    chain.push(current);
    const below = current;
    const issuer = others.find(
      (one) => !chain.includes(one) && below.checkIssued(one) && below.verify(one.publicKey),
    );
    if (issuer === undefined) {
      const wanted = current.issuer.split('\n').join(', ');
      return fail(
        `the chain of ${nameOf(first)} does not reach a root: append the certificate of "${wanted}", which has signed ${nameOf(current)}`,
      );
    }
    current = issuer;
  }
  return chain.length === 0
    ? fail(`${nameOf(first)} signs itself: expected an intermediate that a root has signed`)
    : ok({ chain, root: current });
}

function spellKey(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/** A text of one line end and no more. */
function spellCertificate(certificate: X509Certificate): string {
  return `${certificate.toString().trimEnd()}\n`;
}

/** The files of a slot without its root's key; or what is wrong, and with which certificate. */
export function readBroughtChain(brought: BroughtChain): Result<SlotFiles, string> {
  const parsed = parseAll(brought.pem);
  if (!parsed.ok) return parsed;
  const known = brought.knownRoots.map((pem) => new X509Certificate(pem));
  const files = new Map<string, string>();
  let firstRoot: X509Certificate | undefined;
  for (const kind of kinds) {
    const key = brought.keys[kind];
    const weak = judgeKey(key);
    if (weak !== undefined) return fail(weak);
    const certificate = parsed.value.find((one) => one.checkPrivateKey(key));
    if (certificate === undefined) {
      return fail(
        `no certificate is for the key of the ${kind} intermediate (public key sha256 ${keyFingerprintOf(key)}): they were made for another request`,
      );
    }
    const found = chainFrom(certificate, [...parsed.value, ...known]);
    if (!found.ok) return found;
    const { chain, root } = found.value;
    const wrong = [...chain, root].map((one) => judge(one, brought)).find((one) => one);
    if (wrong !== undefined) return fail(wrong);
    if (!closesAt(chain, root)) return fail(`the chain of ${nameOf(certificate)} does not close`);
    firstRoot ??= root;
    if (!firstRoot.raw.equals(root.raw)) {
      return fail(`the intermediates are of two roots: ${nameOf(firstRoot)} and ${nameOf(root)}`);
    }
    files.set(issuerFile(kind), `${chain.map(spellCertificate).join('')}${spellKey(key)}`);
    files.set(rootFile, spellCertificate(root));
  }
  return ok(files);
}
