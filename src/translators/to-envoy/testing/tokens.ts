/** Issuers of JSON Web Tokens for tests, honest and other. */
import { createHmac, generateKeyPairSync, sign as signBytes, type KeyObject } from 'node:crypto';

/** A key pair that signs tokens. */
export interface TokenKey {
  readonly alg: 'RS256' | 'ES256';
  /** The public half, as in a key set. */
  readonly jwk: Readonly<Record<string, unknown>>;
  readonly publicKey: KeyObject;
  /** A compact token (RFC 7515) with these claims, as they are. */
  sign(claims: object, header?: object): string;
}

/** A new key pair. */
export function makeTokenKey(kid: string, alg: TokenKey['alg'] = 'RS256'): TokenKey {
  const { publicKey, privateKey } =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    alg,
    publicKey,
    jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' },
    sign: (claims, header = {}) => {
      const head = `${encode({ alg, kid, ...header })}.${encode(claims)}`;
      const key = { key: privateKey, dsaEncoding: 'ieee-p1363' as const };
      return `${head}.${signBytes('sha256', Buffer.from(head), key).toString('base64url')}`;
    },
  };
}

/** A key set as JSON. */
export function keySet(...keys: readonly TokenKey[]): string {
  return JSON.stringify({ keys: keys.map(({ jwk }) => jwk) });
}

/** An hour from now, in seconds, as `exp` has it. */
export function inAnHour(): number {
  return Math.floor(Date.now() / 1000) + 3600;
}

/** The token of `alg: none`: whoever takes it takes everybody's. */
export function unsignedToken(claims: object): string {
  return `${encode({ alg: 'none' })}.${encode(claims)}.`;
}

/** Signed by HMAC with the text of the public key, which is no secret. */
export function confusedToken(key: TokenKey, claims: object): string {
  const head = `${encode({ alg: 'HS256', kid: key.jwk['kid'] })}.${encode(claims)}`;
  const secret = key.publicKey.export({ type: 'spki', format: 'pem' });
  return `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
