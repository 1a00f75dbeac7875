/** Join tokens: who gets in and who does not. */
import { beforeAll, expect, test } from '@jest/globals';
import { SignJWT, UnsecuredJWT, type JWTPayload } from 'jose';
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDirectoryStore } from './store-directory.js';
import { freshKey, heldClock, temporaryDirectory } from './test-kit.js';
import { createJoinTokenIssuer, createTokenVerifier, type JoinTokenIssuer } from './token.js';

const clock = heldClock(1_700_000_000_000);
const nowSeconds = clock.now() / 1000;
const identity = {
  namespace: 'shop',
  serviceAccount: 'cart',
  podName: 'cart-0',
  podUid: '3b1f-77',
  expiresAtMs: clock.now() + 3_600_000,
};
const claims = {
  iss: 'skerry',
  aud: 'skerry',
  sub: 'shop/cart',
  pod: { name: 'cart-0', uid: '3b1f-77' },
  exp: nowSeconds + 3600,
};
const directory = temporaryDirectory();
let issuer: JoinTokenIssuer;
let key: KeyObject;

beforeAll(async () => {
  issuer = await createJoinTokenIssuer({ store: await openDirectoryStore(directory), clock });
  key = createPrivateKey(readFileSync(join(directory, 'join-token-key.pem')));
});

function signed(payload: JWTPayload, signer: KeyObject = key): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg: 'ES256' }).sign(signer);
}

function verify(token: string): ReturnType<ReturnType<typeof createTokenVerifier>['verify']> {
  return createTokenVerifier({ publicKey: issuer.publicKey, clock }).verify(token);
}

test('an issued token vouches for exactly its identity', async () => {
  expect(await verify(await issuer.issue(identity))).toEqual({ ok: true, value: identity });
});

test('a token made by hand with the same claims passes, so that each refusal below has one cause', async () => {
  expect(await verify(await signed(claims))).toEqual({ ok: true, value: identity });
});

test('a second issuer on the same store signs with the same key', async () => {
  const again = await createJoinTokenIssuer({ store: await openDirectoryStore(directory), clock });
  expect((await verify(await again.issue(identity))).ok).toBe(true);
});

test('ten issuers starting at once share one key', async () => {
  const store = await openDirectoryStore(temporaryDirectory());
  const issuers = await Promise.all(
    Array.from({ length: 10 }, () => createJoinTokenIssuer({ store, clock })),
  );
  const keys = issuers.map((one) => one.publicKey.export({ format: 'pem', type: 'spki' }));
  expect(new Set(keys).size).toBe(1);
});

test('a key file that is cut off stops the start', async () => {
  const broken = temporaryDirectory();
  const store = await openDirectoryStore(broken);
  writeFileSync(join(broken, 'join-token-key.pem'), '-----BEGIN PRIVATE', { mode: 0o600 });
  await expect(createJoinTokenIssuer({ store, clock })).rejects.toMatchObject({
    code: 'CaCorrupt',
  });
});

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

test.each<[string, string, () => Promise<string> | string]>([
  ['no token', 'absent', () => ''],
  ['text that is no token', 'malformed', () => 'hello'],
  ['three dots', 'malformed', () => '..'],
  [
    'a token without its signature',
    'malformed',
    async () => (await signed(claims)).replace(/\.[^.]*$/, ''),
  ],
  [
    'an empty signature',
    'wrong-signature',
    async () => (await signed(claims)).replace(/\.[^.]*$/, '.'),
  ],
  ['algorithm none', 'wrong-algorithm', () => new UnsecuredJWT(claims).encode()],
  [
    'RS256',
    'wrong-algorithm',
    () => new SignJWT(claims).setProtectedHeader({ alg: 'RS256' }).sign(rsa.privateKey),
  ],
  [
    'HS256 keyed with our public key',
    'wrong-algorithm',
    () =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256' })
        .sign(Buffer.from(createPublicKey(key).export({ format: 'pem', type: 'spki' }))),
  ],
  ['another key', 'wrong-signature', () => signed(claims, freshKey())],
  [
    'a changed payload',
    'wrong-signature',
    async () => {
      const [header = '', , signature = ''] = (await signed(claims)).split('.');
      const payload = Buffer.from(JSON.stringify({ ...claims, sub: 'shop/admin' })).toString(
        'base64url',
      );
      return `${header}.${payload}.${signature}`;
    },
  ],
  ['another issuer', 'wrong-issuer', () => signed({ ...claims, iss: 'kubernetes' })],
  ['another audience', 'wrong-audience', () => signed({ ...claims, aud: 'vault' })],
  ['no audience', 'wrong-audience', () => signed({ ...claims, aud: [] })],
  ['an expired token', 'expired', () => signed({ ...claims, exp: nowSeconds - 1 })],
  ['a token that expires this second', 'expired', () => signed({ ...claims, exp: nowSeconds })],
  ['a token of tomorrow', 'not-yet-valid', () => signed({ ...claims, nbf: nowSeconds + 60 })],
  [
    'no expiry',
    'wrong-claims',
    () => signed({ iss: 'skerry', aud: 'skerry', sub: 'shop/cart', pod: claims.pod }),
  ],
  [
    'no pod',
    'wrong-claims',
    () => signed({ iss: 'skerry', aud: 'skerry', sub: 'shop/cart', exp: claims.exp }),
  ],
  ['a subject with a third part', 'wrong-claims', () => signed({ ...claims, sub: 'shop/cart/x' })],
  ['a subject without a namespace', 'wrong-claims', () => signed({ ...claims, sub: '/cart' })],
  ['a subject that climbs', 'wrong-claims', () => signed({ ...claims, sub: '../cart' })],
  [
    'a pod uid that is a number',
    'wrong-claims',
    () => signed({ ...claims, pod: { name: 'a', uid: 7 } }),
  ],
  [
    'a pod name with a slash',
    'wrong-claims',
    () => signed({ ...claims, pod: { name: 'a/b', uid: '7' } }),
  ],
  ['a token over 16 kB', 'oversized', () => signed({ ...claims, filler: 'x'.repeat(16 * 1024) })],
])('%s is refused as %s', async (_name, reason, make) => {
  expect(await verify(await make())).toEqual({ ok: false, error: reason });
});
