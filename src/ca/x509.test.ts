/** The shapes of our certificates, as openssl reads them. */
import { beforeAll, expect, test } from '@jest/globals';
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  X509Certificate,
} from 'node:crypto';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { signLeaf, type LeafContents } from './leaf.js';
import {
  certificateText,
  freshKey,
  freshRequest,
  openssl,
  requestFor,
  temporaryDirectory,
  verifyChain,
} from './test-kit.js';
import { checkCsr, createIssuer, createRoot, readIssuer, type CertifiedKey } from './x509.js';

const nowMs = Math.floor(Date.now() / 1000) * 1000;
const hourMs = 3_600_000;
const life = { notBeforeMs: nowMs - 300_000, notAfterMs: nowMs + 24 * hourMs };
const subjectKey = createPublicKey(freshKey());
const spki = subjectKey.export({ format: 'der', type: 'spki' });

let root: CertifiedKey;
let workload: CertifiedKey;
let server: CertifiedKey;

beforeAll(async () => {
  root = await createRoot({ ...life, trustDomain: 'example.org', label: '41aa' });
  const signing = { certPem: root.certPem, key: createPrivateKey(root.keyPem) };
  const scope = { kind: 'workload', trustDomain: 'example.org' } as const;
  workload = await createIssuer({ ...life, scope, label: '42bb', root: signing });
  server = await createIssuer({ ...life, scope: { kind: 'server' }, label: '43cc', root: signing });
});

function leaf(
  issuer: CertifiedKey,
  name: LeafContents['name'],
  more?: Partial<LeafContents>,
): string {
  const signer = { ...readIssuer(issuer.certPem), key: createPrivateKey(issuer.keyPem) };
  const serial = Buffer.from('40aabbccddeeff00112233445566778f', 'hex');
  const contents = { spki, name, serial, notBeforeMs: nowMs - 300_000, notAfterMs: nowMs + hourMs };
  return signLeaf(signer, { ...contents, ...more }) + issuer.certPem;
}

const cart = { kind: 'spiffe', id: 'spiffe://example.org/ns/shop/sa/cart' } as const;

test('a root is a P-256 CA that signs certificates and CRLs and carries its trust domain', () => {
  const text = certificateText(root.certPem);
  expect(text).toMatch(/Subject: O = Skerry, CN = Skerry root 41aa/);
  expect(text).toMatch(/NIST CURVE: P-256/);
  expect(text).toMatch(/Basic Constraints: critical\s+CA:TRUE\n/);
  expect(text).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
  expect(text).toMatch(/Subject Alternative Name:\s+URI:spiffe:\/\/example.org\n/);
});

test("the workloads' intermediate is held to the trust domain and to URIs", () => {
  const text = certificateText(workload.certPem);
  expect(text).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0\n/);
  expect(text).toMatch(
    /Name Constraints: critical\s+Permitted:\s+URI:example.org\s+Excluded:\s+DNS:\s/,
  );
  expect(text).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
  expect(text).toMatch(/Authority Key Identifier/);
});

test('a leaf has an empty subject, one critical URI, and the usages of an X509-SVID', () => {
  const text = certificateText(leaf(workload, cart));
  expect(text).toMatch(/Version: 3 \(0x2\)/);
  expect(text).toMatch(/Serial Number:\s+40:aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:8f/);
  expect(text).toMatch(/Signature Algorithm: ecdsa-with-SHA256/);
  expect(text).toMatch(/Issuer: O = Skerry, CN = Skerry workload issuer 42bb/);
  expect(text).toMatch(/Subject: \n/);
  expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE\n/);
  expect(text).toMatch(/Key Usage: critical\s+Digital Signature\n/);
  expect(text).toMatch(
    /Extended Key Usage: \s+TLS Web Server Authentication, TLS Web Client Authentication\n/,
  );
  expect(text).toMatch(
    /Alternative Name: critical\s+URI:spiffe:\/\/example.org\/ns\/shop\/sa\/cart\n/,
  );
});

test("a leaf's fields read back as they were given", () => {
  const certificate = new X509Certificate(leaf(workload, cart));
  const issuer = new X509Certificate(workload.certPem);
  expect(certificate.publicKey.equals(subjectKey)).toBe(true);
  expect(Date.parse(certificate.validFrom)).toBe(nowMs - 300_000);
  expect(Date.parse(certificate.validTo)).toBe(nowMs + hourMs);
  expect(certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)).toBe(true);
});

test('a life that ends after 2049 is spelled as RFC 5280 wants', () => {
  const notAfterMs = Date.UTC(2051, 1, 3, 4, 5, 6);
  const certificate = new X509Certificate(leaf(workload, cart, { notAfterMs }));
  expect(Date.parse(certificate.validTo)).toBe(notAfterMs);
});

test('openssl verifies leaf and server certificate strictly', () => {
  const dns = { kind: 'dns', names: ['skerry.skerry-system.svc', 'localhost'] } as const;
  for (const chain of [leaf(workload, cart), leaf(server, dns)]) {
    expect(verifyChain(chain, root.certPem)).toMatchObject({ isOk: true });
  }
});

test.each<[string, 'workload' | 'server', LeafContents['name']]>([
  [
    'a SPIFFE id of another trust domain',
    'workload',
    { kind: 'spiffe', id: 'spiffe://evil.org/ns/shop/sa/cart' },
  ],
  [
    'a SPIFFE id of a subdomain',
    'workload',
    { kind: 'spiffe', id: 'spiffe://a.example.org/ns/shop/sa/cart' },
  ],
  ['a DNS name', 'workload', { kind: 'dns', names: ['skerry.skerry-system.svc'] }],
  ['a SPIFFE id', 'server', cart],
])('%s signed by the %s intermediate is rejected for its name constraints', (_what, by, name) => {
  const issuer = by === 'workload' ? workload : server;
  const verdict = verifyChain(leaf(issuer, name), root.certPem);
  expect(verdict.isOk).toBe(false);
  expect(verdict.text).toMatch(/permitted subtree violation|excluded subtree violation/);
});

test('a chain is rejected under another root', async () => {
  const other = await createRoot({ ...life, trustDomain: 'example.org', label: '44dd' });
  expect(verifyChain(leaf(workload, cart), other.certPem).isOk).toBe(false);
});

test('a request that openssl made is taken, and only its key comes out of it', () => {
  const directory = temporaryDirectory();
  const at = (name: string): string => join(directory, name);
  const made = openssl(
    ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-keyout', at('key.pem'), '-out', at('csr.pem'), '-subj', '/CN=root/O=evil'],
    ...['-addext', 'subjectAltName=URI:spiffe://example.org/ns/kube-system/sa/admin'],
  );
  expect(made.isOk).toBe(true);
  const checked = checkCsr(readFileSync(at('csr.pem'), 'utf8'));
  const key = createPublicKey(readFileSync(at('key.pem'), 'utf8'));
  expect(checked).toEqual({ ok: true, value: key.export({ format: 'der', type: 'spki' }) });
});

function requestOf(type: 'rsa' | 'p384' | 'ed25519'): string {
  const algorithm = {
    rsa: ['-newkey', 'rsa:2048'],
    p384: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
    ed25519: ['-newkey', 'ed25519'],
  }[type];
  return openssl(
    'req',
    '-new',
    ...algorithm,
    '-nodes',
    '-keyout',
    '/dev/null',
    '-subj',
    '/',
  ).text.replace(/[^]*(-----BEGIN[^]*-----END[^-]*-----)[^]*/, '$1');
}

test.each<[string, () => string, RegExp]>([
  ['nothing', () => '', /PEM/],
  ['a certificate', () => root.certPem, /PEM/],
  ['two requests', () => freshRequest() + freshRequest(), /PEM/],
  ['a request cut off', () => freshRequest().slice(0, 120), /PEM/],
  ['base64 of nothing', () => freshRequest().replace(/\n[A-Za-z0-9+/]{64}\n/, '\n'), /well-formed/],
  ['9,000 characters', () => freshRequest() + ' '.repeat(9000), /8192/],
  ['an RSA key', () => requestOf('rsa'), /P-256/],
  ['a P-384 key', () => requestOf('p384'), /P-256/],
  ['an Ed25519 key', () => requestOf('ed25519'), /P-256/],
  [
    "a signature by another's key",
    () => requestFor(freshKey(), subjectKey),
    /signed with its own key/,
  ],
])('%s is refused as a request', (_what, make, reason) => {
  const checked = checkCsr(make());
  expect(checked.ok ? '' : checked.error).toMatch(reason);
});

test('a request with any one byte changed is refused, and nothing throws', () => {
  const pem = freshRequest();
  const der = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(der);
      changed[at] = (changed[at] ?? 0) ^ change;
      const body = changed.toString('base64');
      const text = `-----BEGIN CERTIFICATE REQUEST-----\n${body}\n-----END CERTIFICATE REQUEST-----\n`;
      expect(checkCsr(text).ok).toBe(false);
    }),
    { numRuns: 150 },
  );
});

test('an encoding of P-256 other than the usual one is refused', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    paramEncoding: 'explicit',
  });
  expect(checkCsr(requestFor(privateKey, publicKey)).ok).toBe(false);
});
