/** A JSON Web Key Set (RFC 7517) as sidecars are given it: public keys that they can use, and no other. */
import { createPublicKey } from 'node:crypto';
import { isMap, ownField } from './cursor.js';

/** What is in a key set. */
export interface KeySetReading {
  /** A key set as JSON with the usable keys; undefined when there is none. */
  readonly jwks?: string;
  /** What is wrong, key by key. */
  readonly problems: readonly string[];
}

/** How many keys a set may have. */
export const maxKeys = 64;

/** The longest text of a set, in characters: each sidecar that it is for holds it. */
export const maxKeySetLength = 65_536;

/** The least length of an RSA modulus, in bits: NIST SP 800-131A. */
const minRsaBits = 2048;

const algorithms: Readonly<Record<string, readonly string[]>> = {
  RSA: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  'P-256': ['ES256'],
  'P-384': ['ES384'],
  'P-521': ['ES512'],
  Ed25519: ['EdDSA'],
};

/** What public keys are made of; all else stays here, private parts before all. */
const publicParts = ['kty', 'kid', 'use', 'alg', 'n', 'e', 'crv', 'x', 'y'];
const privateParts = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'];

/** Reads the text of a key set. Keys for encryption are passed over; they sign nothing. */
export function readKeySet(text: string): KeySetReading {
  if (text.length > maxKeySetLength) {
    return {
      problems: [`expected at most ${maxKeySetLength} characters, found ${text.length}`],
    };
  }
  const keys = keysOf(text);
  if (typeof keys === 'string') return { problems: [keys] };
  if (keys.length > maxKeys) {
    return { problems: [`expected at most ${maxKeys} keys, found ${keys.length}`] };
  }
  const problems: string[] = [];
  const usable: object[] = [];
  for (const [index, key] of keys.entries()) {
    const problem = keyProblem(key);
    if (problem === undefined) usable.push(publicOf(key));
    else if (problem !== '') problems.push(`${nameOf(key, index)}: ${problem}`);
  }
  if (usable.length > 0) return { jwks: JSON.stringify({ keys: usable }), problems };
  if (problems.length === 0) problems.push('expected a public key that signs');
  return { problems };
}

function keysOf(text: string): readonly unknown[] | string {
  let set: unknown;
  try {
    set = JSON.parse(text);
  } catch {
    return 'expected a JSON Web Key Set, found a text that is not JSON';
  }
  const keys = ownField(set, 'keys');
  return Array.isArray(keys) ? keys : 'expected a JSON Web Key Set: a map with a list keys';
}

function nameOf(key: unknown, index: number): string {
  const kid = ownField(key, 'kid');
  return typeof kid === 'string' ? `key ${kid.slice(0, 100)}` : `key ${index}`;
}

/** Undefined: the key is good. Empty: it is not meant for signatures. */
function keyProblem(key: unknown): string | undefined {
  if (!isMap(key)) return 'expected a map';
  const kty = key['kty'];
  if (kty === 'oct') return 'expected a public key, found a shared secret';
  if (privateParts.some((part) => ownField(key, part) !== undefined)) {
    return 'expected a public key, found a private one: replace it, for it is known now';
  }
  const isForSignatures = (key['use'] ?? 'sig') === 'sig' && mayVerify(key['key_ops']);
  if (!isForSignatures) return '';
  const family = kty === 'RSA' ? 'RSA' : key['crv'];
  const allowed = typeof family === 'string' ? algorithms[family] : undefined;
  if (allowed === undefined) {
    return 'expected RSA, or one of the curves P-256, P-384, P-521, Ed25519';
  }
  if (key['alg'] !== undefined && !allowed.some((name) => name === key['alg'])) {
    return `expected alg ${allowed.join(', ')}`;
  }
  if (key['kid'] !== undefined && typeof key['kid'] !== 'string') return 'expected kid as a text';
  return cryptoProblem(key);
}

function mayVerify(operations: unknown): boolean {
  return operations === undefined || (Array.isArray(operations) && operations.includes('verify'));
}

function cryptoProblem(key: Readonly<Record<string, unknown>>): string | undefined {
  try {
    const { asymmetricKeyDetails } = createPublicKey({ key: { ...key }, format: 'jwk' });
    const bits = asymmetricKeyDetails?.modulusLength;
    return bits !== undefined && bits < minRsaBits
      ? `expected at least ${minRsaBits} bits, found ${bits}`
      : undefined;
  } catch {
    return 'expected a key that is well formed';
  }
}

function publicOf(key: unknown): object {
  return Object.fromEntries(
    publicParts.flatMap((part) => {
      const value = ownField(key, part);
      return value === undefined ? [] : [[part, value]];
    }),
  );
}
