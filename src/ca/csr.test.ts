/** What is taken from a stranger's certificate request, and what is not. */
import { expect, test } from '@jest/globals';
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { derBits, derContext, derOid, derSequence, derUnsigned, pemOf } from '../lib/index.js';
import { checkCsr } from './csr.js';
import { ecdsaWithSha256 } from './leaf.js';
import { freshKey, freshRequest, openssl, requestFor, temporaryDirectory } from './test-kit.js';

const subjectKey = createPublicKey(freshKey());

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

/** Signed as it should be, but of another form. */
function shaped({
  version = Buffer.from([0]),
  attributes = [derContext(0)],
  spki,
}: {
  readonly version?: Uint8Array;
  readonly attributes?: readonly Uint8Array[];
  readonly spki?: Uint8Array;
}): string {
  const key = freshKey();
  const own = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const info = derSequence(derUnsigned(version), derSequence(), spki ?? own, ...attributes);
  const signature = derBits(sign('sha256', info, key));
  return pemOf('CERTIFICATE REQUEST', derSequence(info, ecdsaWithSha256, signature));
}

function offCurve(): string {
  const spki = createPublicKey(freshKey()).export({ format: 'der', type: 'spki' });
  return shaped({ spki: Buffer.concat([spki.subarray(0, 59), Buffer.alloc(32, 1)]) });
}

test('attributes are taken unread', () => {
  const attributes = [derContext(0, derSequence(derOid('1.2.3.4')))];
  expect(checkCsr(shaped({ attributes })).ok).toBe(true);
});

test.each<[string, () => string, RegExp]>([
  ['nothing', () => '', /PEM/],
  ['a certificate', () => freshRequest().replaceAll(' REQUEST', ''), /PEM/],
  ['two requests', () => freshRequest() + freshRequest(), /PEM/],
  ['a request cut off', () => freshRequest().slice(0, 120), /PEM/],
  ['base64 of nothing', () => freshRequest().replace(/\n[A-Za-z0-9+/]{64}\n/, '\n'), /well-formed/],
  ['9,000 characters', () => freshRequest() + ' '.repeat(9000), /8192/],
  ['an RSA key', () => requestOf('rsa'), /P-256/],
  ['a P-384 key', () => requestOf('p384'), /P-256/],
  ['an Ed25519 key', () => requestOf('ed25519'), /P-256/],
  ['a point off the curve', () => offCurve(), /well-formed/],
  ['another version', () => shaped({ version: Buffer.from([1]) }), /well-formed/],
  ['no attributes', () => shaped({ attributes: [] }), /well-formed/],
  ['one element more', () => shaped({ attributes: [derContext(0), derContext(0)] }), /well-formed/],
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
