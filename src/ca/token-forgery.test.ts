/** Laws of both kinds of token: what is cut, changed or signed by somebody else vouches for nobody. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { exportJWK, SignJWT } from 'jose';
import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { createServiceAccountVerifier } from './service-account-token.js';
import { openDirectoryStore } from './store-directory.js';
import { heldClock, temporaryDirectory } from './test-kit.js';
import { createJoinTokenIssuer, createTokenVerifier, type TokenVerifier } from './token.js';

const startMs = 1_700_000_000_000;
const clock = heldClock(startMs);
const issuer = 'https://kubernetes.default.svc';
const cluster = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
/** `SKERRY_RUNS=5000` for more. */
const numRuns = Number(process.env['SKERRY_RUNS'] ?? 200);
const timeoutMs = 30_000 + 20 * numRuns;

interface Kind {
  readonly verifier: TokenVerifier;
  readonly good: string;
  readonly publicKey: KeyObject;
}

const kinds = new Map<string, Kind>();

async function joinTokens(): Promise<Kind> {
  const store = await openDirectoryStore(join(temporaryDirectory(), 'ca'));
  const tokens = await createJoinTokenIssuer({ store, clock });
  const { publicKey } = tokens;
  const good = await tokens.issue({
    ...{ namespace: 'shop', serviceAccount: 'cart', podName: 'cart-0', podUid: 'p1' },
    expiresAtMs: startMs + 3_600_000,
  });
  return { verifier: createTokenVerifier({ publicKey, clock }), good, publicKey };
}

async function serviceAccountTokens(): Promise<Kind> {
  const { publicKey, privateKey } = cluster;
  const jwk = { ...(await exportJWK(publicKey)), kid: 'one', use: 'sig', alg: 'ES256' };
  const verifier = createServiceAccountVerifier({
    ...{ clock, audience: 'skerry' },
    fetchKeys: () => Promise.resolve({ issuer, keySet: { keys: [jwk] } }),
    review: () => Promise.resolve({ kind: 'refused' }),
  });
  await verifier.refreshKeys();
  const claims = {
    ...{ iss: issuer, aud: ['skerry'], sub: 'system:serviceaccount:shop:cart' },
    ...{ nbf: startMs / 1000, exp: startMs / 1000 + 3_600 },
    'kubernetes.io': {
      namespace: 'shop',
      pod: { name: 'cart-0', uid: 'p1' },
      serviceaccount: { name: 'cart', uid: 's1' },
    },
  };
  const header = { alg: 'ES256', kid: 'one' };
  const good = await new SignJWT(claims).setProtectedHeader(header).sign(privateKey);
  return { verifier, good, publicKey };
}

beforeAll(async () => {
  kinds.set('a join token', await joinTokens());
  kinds.set('a service account’s token', await serviceAccountTokens());
});

function kindOf(name: string): Kind {
  const kind = kinds.get(name);
  if (kind === undefined) throw new Error(`no such kind: ${name}`);
  return kind;
}

const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** The three parts as bytes: two spellings of one token are one token. */
function bytesOf(token: string): string {
  return token
    .split('.')
    .map((part) => Buffer.from(part, 'base64url').toString('hex'))
    .join('.');
}

describe.each(['a join token', 'a service account’s token'])('%s', (name) => {
  test('that is as it was signed vouches for its pod', async () => {
    const { verifier, good } = kindOf(name);
    expect(await verifier.verify(good)).toMatchObject({
      ok: true,
      value: { namespace: 'shop', serviceAccount: 'cart', podName: 'cart-0', podUid: 'p1' },
    });
  });

  test('cut at any of its bytes vouches for nobody', async () => {
    const { verifier, good } = kindOf(name);
    for (let length = 0; length < good.length; length += 1) {
      const cut = good.slice(0, length);
      expect([length, (await verifier.verify(cut)).ok]).toEqual([length, false]);
    }
  });

  test(
    'with any other byte at any place vouches for nobody',
    async () => {
      const { verifier, good } = kindOf(name);
      await fc.assert(
        fc.asyncProperty(
          fc.nat(good.length - 1),
          fc.constantFrom('A', 'a', '0', '-', '_', '.', '=', '+', '/', ' '),
          async (at, byte) => {
            const changed = `${good.slice(0, at)}${byte}${good.slice(at + 1)}`;
            if (bytesOf(changed) === bytesOf(good)) return;
            expect((await verifier.verify(changed)).ok).toBe(false);
          },
        ),
        { numRuns },
      );
    },
    timeoutMs,
  );

  test(
    'with its own claims under any header that is not the signer’s vouches for nobody',
    async () => {
      const { verifier, good, publicKey } = kindOf(name);
      const [, claims = '', signature = ''] = good.split('.');
      const jwk = await exportJWK(stranger.publicKey);
      const pem = publicKey.export({ format: 'pem', type: 'spki' });
      const header = fc.record(
        {
          alg: fc.constantFrom(
            'none',
            'None',
            'HS256',
            'HS512',
            'ES256',
            'ES384',
            'RS256',
            'PS256',
            '',
          ),
          kid: fc.constantFrom('one', 'two', '../../dev/null', '', '__proto__'),
          jwk: fc.constant(jwk),
          jku: fc.constant('https://evil.example/keys'),
          x5c: fc.constant(['AAAA']),
          crit: fc.constant(['exp']),
          b64: fc.boolean(),
          zip: fc.constant('DEF'),
        },
        { requiredKeys: ['alg'] },
      );
      const signer = fc.constantFrom('nobody', 'itself', 'stranger', 'public key');
      await fc.assert(
        fc.asyncProperty(header, signer, async (head, by) => {
          const text = `${encode(head)}.${claims}`;
          const made = {
            nobody: () => '',
            itself: () => signature,
            stranger: () =>
              sign('sha256', Buffer.from(text), {
                key: stranger.privateKey,
                dsaEncoding: 'ieee-p1363',
              }).toString('base64url'),
            'public key': () => createHmac('sha256', pem).update(text).digest('base64url'),
          }[by]();
          const token = `${text}.${made}`;
          if (bytesOf(token) === bytesOf(good)) return;
          expect((await verifier.verify(token)).ok).toBe(false);
        }),
        { numRuns },
      );
    },
    timeoutMs,
  );

  test(
    'of any text at all is answered, with no',
    async () => {
      const { verifier } = kindOf(name);
      const part = fc.oneof(fc.json().map(encode), fc.string().map(encode), fc.string());
      const text = fc.oneof(
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('.')),
      );
      await fc.assert(
        fc.asyncProperty(text, async (token) => {
          expect((await verifier.verify(token)).ok).toBe(false);
        }),
        { numRuns },
      );
    },
    timeoutMs,
  );
});
