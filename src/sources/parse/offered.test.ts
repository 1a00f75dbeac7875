/** ConfigMaps with authorities and Secrets with a key pair: read by their label alone, and never quoted. */
import { describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CaBundle, Credential } from '../../model/index.js';
import { parseObject, type ParsedObject } from './objects.js';

/** A certificate of its own key, as openssl makes it. */
function selfSigned(...key: readonly string[]): { readonly cert: string; readonly key: string } {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-offered-'));
  try {
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-nodes', '-subj', '/CN=a', '-days', '1', '-newkey', ...key],
        ...['-keyout', join(folder, 'key'), '-out', join(folder, 'cert')],
      ],
      { stdio: 'ignore' },
    );
    const [cert, text] = ['cert', 'key'].map((name) => readFileSync(join(folder, name), 'utf8'));
    return { cert: cert ?? '', key: text ?? '' };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const p256 = selfSigned('ec', '-pkeyopt', 'ec_paramgen_curve:P-256');
const other = selfSigned('ec', '-pkeyopt', 'ec_paramgen_curve:P-256');
const read = (object: unknown): ParsedObject =>
  parseObject(object, { rootNamespace: 'skerry-system' });

function rowOf(parsed: ParsedObject): unknown {
  if (parsed.kind !== 'ours' || parsed.outcome.kind !== 'good') throw new Error('no row');
  return parsed.outcome.row.value;
}

const bundleOf = (parsed: ParsedObject): CaBundle => rowOf(parsed) as CaBundle;
const credentialOf = (parsed: ParsedObject): Credential => rowOf(parsed) as Credential;

function messages(parsed: ParsedObject): readonly string[] {
  return parsed.kind === 'foreign'
    ? []
    : parsed.diagnostics.map(({ field, message }) => `${field ?? ''} ${message}`);
}

describe('a ConfigMap with authorities', () => {
  const configMap = (
    text: unknown,
    labels: object = { 'skerry.dev/ca-bundle': 'true' },
  ): object => ({
    ...{ apiVersion: 'v1', kind: 'ConfigMap' },
    metadata: { name: 'ca', namespace: 'shop', labels },
    data: { 'ca.crt': text },
  });

  test('is read by its label, certificates only and each once', () => {
    const parsed = read(configMap(`# ours\n${p256.cert}\n${other.cert}${p256.cert}`));
    expect(messages(parsed)).toEqual([]);
    expect(bundleOf(parsed)).toEqual({
      ...{ kind: 'CaBundle', key: 'shop/ca', pem: p256.cert + other.cert },
    });
  });

  test.each([[{}], [{ 'skerry.dev/ca-bundle': 'yes' }]])('with labels %j is nobody’s', (labels) => {
    expect(read(configMap(p256.cert, labels))).toEqual({ kind: 'foreign' });
  });

  test('sends no private key that stands beside, and says that it is there without a word of it', () => {
    const parsed = read(configMap(p256.key + p256.cert));
    expect(bundleOf(parsed).pem).toBe(p256.cert);
    expect(messages(parsed).join()).toContain('a private key stands beside');
    expect(JSON.stringify(parsed)).not.toContain(p256.key.split('\n')[1]);
  });

  test.each([
    [
      'more text than all public authorities take',
      `${' '.repeat(524_288)}${p256.cert}`,
      'expected at most 524288 characters, found 52',
    ],
    [
      'hundreds of certificates',
      p256.cert.repeat(501),
      'expected at most 500 certificates, found 501',
    ],
  ])('with %s has none, which is said', (_what, text, says) => {
    const parsed = read(configMap(text));
    expect(bundleOf(parsed).pem).toBeUndefined();
    expect(messages(parsed).join()).toContain(says);
  });

  test('leaves out what is broken, and has none where all is', () => {
    const broken = p256.cert.replace(/MI.{20}/, 'MIIBAAAA');
    const some = read(configMap(broken + other.cert));
    expect(bundleOf(some).pem).toBe(other.cert);
    expect(messages(some).join()).toContain('1 of 2 certificates cannot be read');
    for (const text of [broken, 'x', '', undefined, 7]) {
      const none = read(configMap(text));
      expect(bundleOf(none).pem).toBeUndefined();
      expect(messages(none).join()).toContain('data["ca.crt"]');
    }
  });
});

describe('a Secret with a key pair', () => {
  const secret = (
    pair: { readonly cert?: string; readonly key?: string },
    fields: object = {},
    labels: object = { 'skerry.dev/credential': 'true' },
  ): object => ({
    ...{ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls' },
    metadata: { name: 'tls', namespace: 'shop', labels },
    data: {
      'tls.crt': Buffer.from(pair.cert ?? '').toString('base64'),
      'tls.key': Buffer.from(pair.key ?? '').toString('base64'),
    },
    ...fields,
  });

  test.each([
    ['P-256', p256],
    ['P-384', selfSigned('ec', '-pkeyopt', 'ec_paramgen_curve:P-384')],
    ['RSA', selfSigned('rsa:2048')],
  ])('on %s is read by its label, and prints no key', (_name, pair) => {
    const parsed = read(secret(pair));
    expect(messages(parsed)).toEqual([]);
    const row = credentialOf(parsed);
    expect(row.pair?.chainPem).toBe(pair.cert);
    expect(row.pair?.keyPem.reveal()).toContain('PRIVATE KEY');
    expect(JSON.stringify(parsed)).not.toContain('PRIVATE KEY');
  });

  test('says the same in plain text, as a file may have it', () => {
    const plain = secret(
      {},
      { data: {}, stringData: { 'tls.crt': p256.cert, 'tls.key': p256.key } },
    );
    expect(credentialOf(read(plain)).pair?.fingerprint).toBe(
      credentialOf(read(secret(p256))).pair?.fingerprint,
    );
  });

  test.each([[{}], [{ 'skerry.dev/credential': 'no' }]])('with labels %j is nobody’s', (labels) => {
    expect(read(secret(p256, {}, labels))).toEqual({ kind: 'foreign' });
  });

  test.each([
    ['of another type', secret(p256, { type: 'Opaque' }), 'type expected kubernetes.io/tls'],
    ['without a certificate', secret({ key: p256.key }), 'data["tls.crt"] expected certificates'],
    ['without a key', secret({ cert: p256.cert }), 'data["tls.key"] expected a private key in PEM'],
    ['with another’s key', secret({ cert: p256.cert, key: other.key }), 'the key of the first'],
    ['with a short key', secret(selfSigned('rsa:1024')), 'Envoy takes no other'],
    ['on another curve', secret(selfSigned('ed25519')), 'Envoy takes no other'],
    ['with no data', secret(p256, { data: 7 }), 'data["tls.crt"]'],
    [
      'with a chain without end',
      secret({ cert: p256.cert.repeat(200), key: p256.key }),
      'data["tls.crt"] expected at most 65536 characters',
    ],
  ])('%s has none, which is said without a word of what is in it', (_what, object, says) => {
    const parsed = read(object);
    expect(credentialOf(parsed).pair).toBeUndefined();
    expect(messages(parsed).join()).toContain(says);
    expect(JSON.stringify(parsed)).not.toContain(p256.key.split('\n')[1]);
  });
});
