/** Service account tokens: what the cluster's keys settle, what it is asked, and how seldom. */
import { beforeEach, expect, test } from '@jest/globals';
import { exportJWK, SignJWT, UnsecuredJWT, type JWTPayload } from 'jose';
import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServiceAccountVerifier, type TokenReviewVerdict } from './service-account-token.js';
import { heldClock, type HeldClock } from './test-kit.js';

const issuer = 'https://kubernetes.default.svc';
const startMs = 1_700_000_000_000;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
const claims = {
  iss: issuer,
  aud: ['skerry'],
  sub: 'system:serviceaccount:shop:cart',
  iat: startMs / 1000,
  nbf: startMs / 1000,
  exp: startMs / 1000 + 3600,
  jti: '0e1c',
  'kubernetes.io': {
    namespace: 'shop',
    node: { name: 'node-1', uid: 'n1' },
    pod: { name: 'cart-0', uid: 'p1' },
    serviceaccount: { name: 'cart', uid: 's1' },
  },
};
const identity = {
  namespace: 'shop',
  serviceAccount: 'cart',
  serviceAccountUid: 's1',
  podName: 'cart-0',
  podUid: 'p1',
  nodeName: 'node-1',
  expiresAtMs: startMs + 3_600_000,
};
const yes: TokenReviewVerdict = {
  kind: 'authenticated',
  userName: 'system:serviceaccount:shop:cart',
  podUid: 'p1',
};

let clock: HeldClock;
let published: Readonly<Record<string, KeyObject>>;
let fetches: number;
let reviews: number;
let verdict: TokenReviewVerdict;

beforeEach(() => {
  clock = heldClock(startMs);
  published = { one: rsa.publicKey };
  fetches = 0;
  reviews = 0;
  verdict = { kind: 'refused' };
});

type Verifier = ReturnType<typeof createServiceAccountVerifier>;

async function verifier(): Promise<Verifier> {
  const made = createServiceAccountVerifier({
    clock,
    audience: 'skerry',
    fetchKeys: async () => {
      fetches += 1;
      const keys = await Promise.all(
        Object.entries(published).map(async ([kid, key]) => ({
          ...(await exportJWK(key)),
          ...{ kid, use: 'sig', alg: 'RS256' },
        })),
      );
      return { issuer, keySet: { keys } };
    },
    review: () => {
      reviews += 1;
      return Promise.resolve(verdict);
    },
  });
  await made.refreshKeys();
  return made;
}

function signed(
  payload: JWTPayload = claims,
  { key = rsa.privateKey, kid = 'one', alg = 'RS256' } = {},
): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg, kid }).sign(key);
}

function withKubernetes(change: Readonly<Record<string, unknown>>): JWTPayload {
  return { ...claims, 'kubernetes.io': { ...claims['kubernetes.io'], ...change } };
}

test('a token of the cluster vouches for its pod, and the cluster is asked nothing', async () => {
  const made = await verifier();
  for (let turn = 0; turn < 1000; turn += 1) {
    expect(await made.verify(await signed())).toEqual({ ok: true, value: identity });
  }
  expect({ fetches, reviews }).toEqual({ fetches: 1, reviews: 0 });
});

const expired = { ...claims, exp: startMs / 1000 };
/** The claims without one of them. */
function without(name: keyof typeof claims): JWTPayload {
  return Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name));
}

const refused: readonly (readonly [string, JWTPayload, string])[] = [
  ['for the API server', { ...claims, aud: [issuer] }, 'wrong-audience'],
  ['for another audience', { ...claims, aud: 'skerry2' }, 'wrong-audience'],
  ['without an audience', without('aud'), 'wrong-audience'],
  ['that ends now', expired, 'expired'],
  ['without an end', without('exp'), 'wrong-claims'],
  ['that begins in two minutes', { ...claims, nbf: startMs / 1000 + 120 }, 'not-yet-valid'],
  ['bound to no pod', withKubernetes({ pod: undefined }), 'no-pod'],
  ['of a pod without a uid', withKubernetes({ pod: { name: 'cart-0' } }), 'wrong-claims'],
  [
    'whose subject is another account',
    { ...claims, sub: 'system:serviceaccount:shop:admin' },
    'wrong-claims',
  ],
  ['whose subject is another namespace', withKubernetes({ namespace: 'bank' }), 'wrong-claims'],
  ['of a user', { ...claims, sub: 'jane' }, 'wrong-claims'],
  ['without the claims of Kubernetes', without('kubernetes.io'), 'wrong-claims'],
  ['of a namespace with a slash', withKubernetes({ namespace: 'a/b' }), 'wrong-claims'],
];

test.each(refused)('a signed token %s is refused', async (_name, payload, reason) => {
  expect(await (await verifier()).verify(await signed(payload))).toEqual({
    ok: false,
    error: reason,
  });
  expect(reviews).toBe(0);
});

test('a clock of the API server that is half a minute ahead shuts nobody out', async () => {
  const token = await signed({ ...claims, nbf: startMs / 1000 + 30 });
  expect((await (await verifier()).verify(token)).ok).toBe(true);
});

test('a token without a signature is refused', async () => {
  const token = new UnsecuredJWT(claims).encode();
  expect(await (await verifier()).verify(token)).toEqual({ ok: false, error: 'wrong-algorithm' });
});

test('the public key is no secret to sign with', async () => {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'HS256', kid: 'one' })}.${part(claims)}`;
  const pem = rsa.publicKey.export({ format: 'pem', type: 'spki' });
  const token = `${text}.${createHmac('sha256', pem).update(text).digest('base64url')}`;
  expect(await (await verifier()).verify(token)).toEqual({ ok: false, error: 'wrong-algorithm' });
});

test('another key under a known name is refused without a question', async () => {
  const token = await signed(claims, { key: other.privateKey });
  expect(await (await verifier()).verify(token)).toEqual({ ok: false, error: 'wrong-signature' });
  expect(reviews).toBe(0);
});

test.each(['', 'x', 'a.b.c', '....', `${'a'.repeat(20_000)}.b.c`])(
  'what is no token is refused: %#',
  async (text) => {
    expect((await (await verifier()).verify(text)).ok).toBe(false);
    expect({ fetches, reviews }).toEqual({ fetches: 1, reviews: 0 });
  },
);

test('a key that came later is read once, whoever asks for it', async () => {
  const made = await verifier();
  published = { one: rsa.publicKey, two: other.publicKey };
  const token = await signed(claims, { key: other.privateKey, kid: 'two' });
  const answers = await Promise.all(Array.from({ length: 50 }, () => made.verify(token)));
  expect(answers.every(({ ok }) => ok)).toBe(true);
  expect({ fetches, reviews }).toEqual({ fetches: 2, reviews: 0 });
});

test('keys that nobody knows make the keys be read every ten seconds at most', async () => {
  const made = await verifier();
  for (let turn = 0; turn < 30; turn += 1) {
    const token = await signed(claims, { key: other.privateKey, kid: `k${String(turn)}` });
    expect(await made.verify(token)).toEqual({ ok: false, error: 'unknown-key' });
    clock.advance(1_000);
  }
  expect(fetches).toBe(1 + 3);
});

test('an unknown key is for the cluster to judge', async () => {
  const made = await verifier();
  verdict = yes;
  const token = await signed(claims, { key: other.privateKey, kid: 'two' });
  expect(await made.verify(token)).toEqual({ ok: true, value: identity });
  verdict = { kind: 'undecided' };
  expect(await made.verify(token)).toEqual({ ok: false, error: 'undecided' });
});

test.each([
  ['another pod', { ...yes, podUid: 'p2' }],
  ['another account', { ...yes, userName: 'system:serviceaccount:shop:admin' }],
] as const)('a review that authenticates %s does not help', async (_name, answer) => {
  const made = await verifier();
  verdict = answer;
  const token = await signed(claims, { key: other.privateKey, kid: 'two' });
  expect(await made.verify(token)).toEqual({ ok: false, error: 'wrong-claims' });
});

test.each([
  ['of another issuer', { ...claims, iss: 'https://evil' }, 'unknown-key'],
  ['for another audience', { ...claims, aud: 'x' }, 'wrong-audience'],
  ['that has ended', expired, 'expired'],
  ['of no pod', withKubernetes({ pod: undefined }), 'no-pod'],
] as const)('a token of an unknown key %s costs no question', async (_name, payload, reason) => {
  const made = await verifier();
  verdict = yes;
  const token = await signed(payload, { key: other.privateKey, kid: 'two' });
  expect(await made.verify(token)).toEqual({ ok: false, error: reason });
  expect(reviews).toBe(0);
});

test('a signed token of an issuer that is being replaced is for the cluster to judge', async () => {
  const made = await verifier();
  const token = await signed({ ...claims, iss: 'https://old' });
  expect(await made.verify(token)).toEqual({ ok: false, error: 'wrong-issuer' });
  verdict = yes;
  expect(await made.verify(token)).toEqual({ ok: true, value: identity });
});

test('a cluster that publishes no keys is asked', async () => {
  verdict = yes;
  const made = createServiceAccountVerifier({
    ...{ clock, audience: 'skerry' },
    fetchKeys: () => Promise.resolve(undefined),
    review: () => Promise.resolve(verdict),
  });
  expect(await made.verify(await signed())).toEqual({ ok: true, value: identity });
});

test('keys that cannot be read anew stay', async () => {
  const made = createServiceAccountVerifier({
    ...{ clock, audience: 'skerry' },
    fetchKeys: async () => {
      fetches += 1;
      if (fetches > 1) throw new Error('away');
      return { issuer, keySet: { keys: [{ ...(await exportJWK(rsa.publicKey)), kid: 'one' }] } };
    },
    review: () => Promise.resolve(verdict),
  });
  await made.refreshKeys();
  await expect(made.refreshKeys()).rejects.toThrow('away');
  expect((await made.verify(await signed())).ok).toBe(true);
});
