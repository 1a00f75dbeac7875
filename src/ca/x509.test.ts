/** The shapes of our certificates, as openssl reads them. */
import { beforeAll, expect, test } from '@jest/globals';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { signLeaf, type LeafContents } from './leaf.js';
import { certificateText, freshKey, verifyChain } from './test-kit.js';
import { createIssuer, createRoot, readIssuer, type CertifiedKey } from './x509.js';

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
