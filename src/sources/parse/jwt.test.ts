/** `inbound.jwt`: what it means, which keys are taken, and what is refused. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { readKeySet } from './jwks.js';
import { parseObject } from './objects.js';
import { parseTrafficPolicy, type ParsedPolicy } from './traffic-policy.js';

type Jwk = Readonly<Record<string, unknown>>;

const jwk = (key: KeyObject, more: Jwk): Jwk => ({ ...key.export({ format: 'jwk' }), ...more });
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const good = jwk(pair.publicKey, { kid: 'good', alg: 'RS256', use: 'sig' });
const secret = jwk(pair.privateKey, { kid: 'secret' });
const elliptic = jwk(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey, { kid: 'ec' });
const edwards = jwk(generateKeyPairSync('ed25519').publicKey, { kid: 'edwards' });
const weak = jwk(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey, { kid: 'weak' });

const set = (...keys: readonly unknown[]): string => JSON.stringify({ keys });

describe('a key set', () => {
  test('is taken with its public parts alone', () => {
    const { jwks, problems } = readKeySet(
      set({ ...good, x5c: ['abc'], extra: 1 }, elliptic, edwards),
    );
    expect(problems).toEqual([]);
    expect(JSON.parse(jwks ?? '')).toEqual({ keys: [good, elliptic, edwards] });
  });

  test('may have keys for encryption, which are left out', () => {
    const encrypting = { ...good, kid: 'enc', use: 'enc', alg: 'RSA-OAEP' };
    const { jwks, problems } = readKeySet(set(encrypting, { ...good, key_ops: ['encrypt'] }, good));
    expect(problems).toEqual([]);
    expect(JSON.parse(jwks ?? '')).toEqual({ keys: [good] });
  });

  test('is used as far as it is good', () => {
    const { jwks, problems } = readKeySet(set(weak, good, 7));
    expect(JSON.parse(jwks ?? '')).toEqual({ keys: [good] });
    expect(problems).toEqual([
      'key weak: expected at least 2048 bits, found 1024',
      'key 2: expected a map',
    ]);
  });

  test('does not let a private key out', () => {
    const { jwks, problems } = readKeySet(set(secret, good));
    expect(jwks).not.toContain(String(secret['d']));
    expect(problems).toEqual([
      'key secret: expected a public key, found a private one: replace it, for it is known now',
    ]);
  });

  test.each<readonly [string, string]>([
    ['nonsense', 'not JSON'],
    ['[]', 'a map with a list keys'],
    ['{"keys": {}}', 'a map with a list keys'],
    ['{"keys": []}', 'a public key that signs'],
    [set({ kty: 'oct', k: 'c2VjcmV0' }), 'a shared secret'],
    [set({ ...elliptic, alg: 'ES512' }), 'expected alg ES256'],
    [set({ ...good, alg: 'HS256' }), 'expected alg RS256'],
    [set({ ...good, alg: 'none' }), 'expected alg RS256'],
    [set({ ...good, n: 7 }), 'well formed'],
    [set({ ...elliptic, x: elliptic['y'] }), 'well formed'],
    [set({ ...elliptic, crv: 'secp256k1' }), 'one of the curves'],
    [set({ ...good, kid: 7 }), 'kid as a text'],
    [set(...Array<Jwk>(65).fill(good)), 'at most 64 keys'],
  ])('%.60s has no usable key', (text, problem) => {
    const { jwks, problems } = readKeySet(text);
    expect(jwks).toBeUndefined();
    expect(problems.join()).toContain(problem);
  });
});

function parse(jwt: unknown): ParsedPolicy {
  const metadata = { name: 'p', namespace: 'shop' };
  const spec = { targetRefs: [{ kind: 'Namespace' }], inbound: { jwt } };
  const object = { apiVersion: 'skerry.dev/v1alpha1', kind: 'TrafficPolicy', metadata, spec };
  return parseTrafficPolicy(object, { rootNamespace: 'skerry-system' });
}

const inline = set(good);
const issuer = (more: object = {}): object => ({
  issuer: 'https://sso.local',
  jwks: { inline },
  ...more,
});

describe('the section', () => {
  test('has its defaults', () => {
    expect(parse({ issuers: [issuer()] }).policy?.jwt).toEqual({
      issuers: [
        {
          issuer: 'https://sso.local',
          audiences: [],
          keys: { kind: 'inline', jwks: readKeySet(inline).jwks },
          forward: false,
          fromHeaders: ['authorization'],
          claimToHeaders: [],
        },
      ],
    });
  });

  test('is read whole', () => {
    const more = {
      audiences: ['shop'],
      forward: true,
      fromHeaders: ['X-Token', 'Authorization'],
      claimToHeaders: { sub: 'X-User', 'realm_access.roles': 'x-roles' },
    };
    expect(parse({ issuers: [issuer(more)], required: true }).policy?.jwt).toEqual({
      issuers: [
        expect.objectContaining({
          audiences: ['shop'],
          forward: true,
          fromHeaders: ['x-token', 'authorization'],
          claimToHeaders: [
            { claim: 'realm_access.roles', header: 'x-roles' },
            { claim: 'sub', header: 'x-user' },
          ],
        }),
      ],
      required: true,
    });
  });

  test.each<readonly [string, object]>([
    ['http://dex/keys', { name: 'dex', port: 80, path: '/keys' }],
    ['http://dex.sso', { name: 'dex', namespace: 'sso', port: 80, path: '/' }],
    [
      'http://dex.sso.svc:5556/dex/keys?a=b',
      { name: 'dex', namespace: 'sso', port: 5556, path: '/dex/keys?a=b' },
    ],
    [
      'http://dex.sso.svc.cluster.local:65535/',
      { name: 'dex', namespace: 'sso', port: 65535, path: '/' },
    ],
  ])('takes the keys from %s', (url, from) => {
    const [only] = parse({ issuers: [issuer({ jwks: { url } })] }).policy?.jwt?.issuers ?? [];
    expect(only?.keys).toEqual({ kind: 'url', from: { url, ...from } });
  });

  test.each<readonly [string, RegExp]>([
    ['https://login.example.com/keys', /found https: .* a Service that leads there, with outbound/],
    ['https://dex.sso.svc/keys', /between pods sidecars encrypt by themselves/],
    ['http://login.example.com/keys', /found the host login.example.com; for an issuer outside/],
    ['http://10.0.0.1/keys', /found the host 10.0.0.1/],
    ['http://[fd00::1]/keys', /expected http:/],
    ['http://user@dex.sso/keys', /expected http:/],
    ['http://dex.sso:0/keys', /expected http:/],
    ['http://dex.sso:70000/keys', /expected http:/],
    ['http://dex.sso/keys#a', /expected http:/],
    ['http://dex.sso/ke ys', /expected http:/],
    ['http://dex.sso/\r\nx: y', /expected http:/],
    ['http://Dex.sso/keys', /found the host Dex.sso/],
    ['http://dex.sso.pod/keys', /found the host dex.sso.pod/],
    ['HTTP://dex.sso/keys', /expected http:/],
    [`http://dex.sso/${'a'.repeat(1024)}`, /at most 1024/],
    ['', /expected http:/],
  ])('takes no keys from %.40j', (url, words) => {
    const { diagnostics } = parse({ issuers: [issuer({ jwks: { url } })] });
    const own = diagnostics.filter(({ field }) => field?.endsWith('.jwks.url'));
    expect(own.map(({ message }) => message)).toEqual([expect.stringMatching(words)]);
  });

  const first = 'spec.inbound.jwt.issuers[0]';
  test.each<readonly [unknown, string]>([
    [null, 'spec.inbound.jwt'],
    [{ issuers: {} }, 'spec.inbound.jwt.issuers'],
    [{ required: 'yes' }, 'spec.inbound.jwt.required'],
    [{ requird: true }, 'spec.inbound.jwt.requird'],
    [{ issuers: [{ jwks: { inline } }] }, `${first}.issuer`],
    [{ issuers: [{ issuer: 'a' }] }, `${first}.jwks`],
    [{ issuers: [issuer({ issuer: '' })] }, `${first}.issuer`],
    [{ issuers: [issuer({ jwks: {} })] }, `${first}.jwks`],
    [{ issuers: [issuer({ jwks: { inline, configMap: 'a' } })] }, `${first}.jwks`],
    [{ issuers: [issuer({ jwks: { inline: 'x' } })] }, `${first}.jwks.inline`],
    [{ issuers: [issuer({ jwks: { inline: set(good, weak) } })] }, `${first}.jwks.inline`],
    [{ issuers: [issuer({ jwks: { url: 'sso/keys' } })] }, `${first}.jwks.url`],
    [{ issuers: [issuer({ jwks: { inline, url: 'http://sso/keys' } })] }, `${first}.jwks`],
    [{ issuers: [issuer({ audiences: [] })] }, `${first}.audiences`],
    [{ issuers: [issuer({ audiences: [''] })] }, `${first}.audiences[0]`],
    [{ issuers: [issuer({ fromHeaders: ['a b'] })] }, `${first}.fromHeaders[0]`],
    [{ issuers: [issuer({ claimToHeaders: { sub: 'host' } })] }, `${first}.claimToHeaders.sub`],
    [
      { issuers: [issuer({ claimToHeaders: { sub: 'X-Forwarded-Client-Cert' } })] },
      `${first}.claimToHeaders.sub`,
    ],
    [
      { issuers: [issuer({ claimToHeaders: { sub: 'x-envoy-a' } })] },
      `${first}.claimToHeaders.sub`,
    ],
    [
      { issuers: [issuer({ claimToHeaders: { sub: 'X-A', b: 'x-a' } })] },
      `${first}.claimToHeaders`,
    ],
    [
      { issuers: [issuer({ claimToHeaders: { sub: 'Authorization' } })] },
      `${first}.claimToHeaders`,
    ],
    [{ issuers: [issuer(), issuer()] }, 'spec.inbound.jwt.issuers[1].issuer'],
  ])('%.80j is refused', (jwt, where) => {
    const { diagnostics, refused } = parse(jwt);
    expect(diagnostics.map(({ code, field }) => `${code} ${field ?? ''}`)).toContain(
      `Invalid ${where}`,
    );
    // Tokens guard the door as rules do: what cannot be read keeps it shut.
    expect(refused?.spokeOfAuthorization).toBe(true);
  });
});

describe('a ConfigMap', () => {
  const configMap = (data: unknown, labels: object = { 'skerry.dev/jwks': 'true' }): unknown => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'sso', namespace: 'shop', labels },
    data,
  });
  const read = (object: unknown) => parseObject(object, { rootNamespace: 'skerry-system' });
  const { jwks } = readKeySet(inline);

  test.each([
    ['by its entry', { 'jwks.json': inline, other: 'x' }],
    ['by its only entry', { 'keys.json': inline }],
  ])('is read %s', (_how, data) => {
    expect(read(configMap(data))).toMatchObject({
      kind: 'ours',
      collection: 'keySets',
      key: 'shop/sso',
      outcome: { kind: 'good', row: { value: { kind: 'KeySet', key: 'shop/sso', jwks } } },
      diagnostics: [],
    });
  });

  test.each([[{}], [{ 'skerry.dev/jwks': 'yes' }], [{ 'skerry.dev/jwks': true }]])(
    'with labels %j is nobody’s business here',
    (labels) => {
      expect(read(configMap({ 'jwks.json': 'x' }, labels))).toEqual({ kind: 'foreign' });
    },
  );

  test.each<readonly [unknown, string]>([
    [{ 'jwks.json': 'x' }, 'data["jwks.json"]'],
    [{ 'jwks.json': set(secret) }, 'data["jwks.json"]'],
    [{ a: inline, b: inline }, 'data["jwks.json"]'],
    [{}, 'data["jwks.json"]'],
    [undefined, 'data["jwks.json"]'],
    [[inline], 'data'],
    [{ 'jwks.json': 7 }, 'data["jwks.json"]'],
    [{ 'jwks.json': `${' '.repeat(65_536)}${inline}` }, 'data["jwks.json"]'],
  ])('with %.30j has no keys, which is said without a word of what is in it', (data, field) => {
    const parsed = read(configMap(data));
    expect(parsed).toMatchObject({ outcome: { kind: 'good' } });
    expect(JSON.stringify(parsed)).not.toContain('"jwks":');
    const { diagnostics } = parsed as { diagnostics: readonly { field?: string }[] };
    expect(diagnostics.map((each) => each.field)).toContain(field);
    expect(JSON.stringify(diagnostics)).not.toContain(String(secret['d']));
  });

  test('with a bad key among good ones has the good ones, and a warning', () => {
    expect(read(configMap({ 'jwks.json': set(weak, good) }))).toMatchObject({
      outcome: { kind: 'good', row: { value: { jwks } } },
      diagnostics: [{ severity: 'warning', message: expect.stringContaining('2048 bits') }],
    });
  });
});
