/** Join tokens: how a workload outside Kubernetes proves who it is, signed by us and short-lived. */
import { jwtVerify, SignJWT, errors, type JWTPayload } from 'jose';
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { fail, ok, type Clock, type Result } from '../lib/index.js';
import { CaError } from './ca-error.js';
import { isDnsLabel, isDnsSubdomain } from './spiffe.js';
import type { CaStore } from './store.js';

const keyRecord = 'join-token-key.pem';
const issuerName = 'skerry';
const audience = 'skerry';
/** Longer tokens are not looked at. */
export const maxTokenBytes: number = 16 * 1024;
const uidPattern = /^[A-Za-z0-9-]{1,64}$/;

/** Who a workload is, as an authenticated token says; never taken from `node.id`. */
export interface WorkloadIdentity {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly podName: string;
  readonly podUid: string;
  /** Where the pod runs; absent where the token does not say. */
  readonly nodeName?: string;
  /** When the token ceases to vouch for it; a stream ends by then. */
  readonly expiresAtMs: number;
}

/** Why a token is refused; says nothing of its contents, so that it may be logged. */
export type TokenRefusal =
  | 'absent'
  | 'oversized'
  | 'malformed'
  | 'wrong-algorithm'
  | 'wrong-signature'
  | 'wrong-issuer'
  | 'wrong-audience'
  | 'expired'
  | 'not-yet-valid'
  | 'wrong-claims'
  /** Of a service account, but of no pod. */
  | 'no-pod'
  /** Signed with a key that the cluster does not know. */
  | 'unknown-key'
  /** The pod that it was given to is no more, or is another one by now. */
  | 'pod-gone'
  /** The service account is no more, or is another one of the same name by now. */
  | 'service-account-gone'
  /** Only the cluster can say, and it does not answer, or too many ask. */
  | 'undecided';

/** Signs join tokens. */
export interface JoinTokenIssuer {
  /** A token for `identity`, valid until its `expiresAtMs`, and from `notBeforeMs` if given. */
  issue(identity: WorkloadIdentity, notBeforeMs?: number): Promise<string>;
  /** What a verifier needs. */
  readonly publicKey: KeyObject;
}

/** Checks tokens. */
export interface TokenVerifier {
  /** The identity a token vouches for, or why it vouches for none. */
  verify(token: string): Promise<Result<WorkloadIdentity, TokenRefusal>>;
}

async function loadKey(store: CaStore): Promise<KeyObject> {
  let pem = await store.readRecord(keyRecord);
  if (pem === undefined) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await store.createRecord(
      keyRecord,
      privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    );
    // Another process may have been first: its key counts.
    pem = await store.readRecord(keyRecord);
  }
  try {
    const key = createPrivateKey(pem ?? '');
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  } catch (error) {
    throw new CaError('CaCorrupt', `cannot use ${keyRecord}: the key does not parse`, error);
  }
  throw new CaError('CaCorrupt', `cannot use ${keyRecord}: expected a P-256 key`);
}

/** An issuer whose key rests in `store`, made at first use. Rejects with a `CaError`. */
export async function createJoinTokenIssuer(options: {
  readonly store: CaStore;
  readonly clock: Clock;
}): Promise<JoinTokenIssuer> {
  const key = await loadKey(options.store);
  return {
    publicKey: createPublicKey(key),
    issue: (identity, notBeforeMs) => {
      const token = new SignJWT({ pod: { name: identity.podName, uid: identity.podUid } })
        .setProtectedHeader({ alg: 'ES256', typ: 'JWT' })
        .setIssuer(issuerName)
        .setAudience(audience)
        .setSubject(`${identity.namespace}/${identity.serviceAccount}`)
        .setIssuedAt(Math.floor(options.clock.now() / 1000))
        .setExpirationTime(Math.floor(identity.expiresAtMs / 1000));
      if (notBeforeMs !== undefined) token.setNotBefore(Math.floor(notBeforeMs / 1000));
      return token.sign(key);
    },
  };
}

/** Whether `text` may be an object's uid. */
export function isUid(text: string): boolean {
  return uidPattern.test(text);
}

/** What an error of jose means. */
export function refusalOf(error: unknown): TokenRefusal {
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'wrong-algorithm';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'wrong-signature';
  if (error instanceof errors.JWTClaimValidationFailed) {
    switch (error.claim) {
      case 'iss':
        return 'wrong-issuer';
      case 'aud':
        return 'wrong-audience';
      case 'nbf':
        return 'not-yet-valid';
      default:
        return 'wrong-claims';
    }
  }
  return 'malformed';
}

function identityOf(payload: JWTPayload): WorkloadIdentity | undefined {
  const [namespace = '', serviceAccount = '', ...rest] = (payload.sub ?? '').split('/');
  const pod = payload['pod'];
  if (typeof pod !== 'object' || pod === null || !('name' in pod) || !('uid' in pod))
    return undefined;
  const { name: podName, uid: podUid } = pod;
  const { exp } = payload;
  const isWhole =
    rest.length === 0 &&
    isDnsLabel(namespace) &&
    isDnsSubdomain(serviceAccount) &&
    typeof podName === 'string' &&
    isDnsSubdomain(podName) &&
    typeof podUid === 'string' &&
    isUid(podUid);
  return isWhole && exp !== undefined
    ? { namespace, serviceAccount, podName, podUid, expiresAtMs: exp * 1000 }
    : undefined;
}

/** A verifier of the join tokens that the holder of `publicKey`'s other half has signed. */
export function createTokenVerifier(options: {
  readonly publicKey: KeyObject;
  readonly clock: Clock;
}): TokenVerifier {
  return {
    async verify(token): Promise<Result<WorkloadIdentity, TokenRefusal>> {
      if (token === '') return fail('absent');
      if (Buffer.byteLength(token) > maxTokenBytes) return fail('oversized');
      try {
        const { payload } = await jwtVerify(token, options.publicKey, {
          algorithms: ['ES256'],
          issuer: issuerName,
          audience,
          requiredClaims: ['exp', 'sub', 'pod'],
          currentDate: new Date(options.clock.now()),
        });
        const identity = identityOf(payload);
        return identity === undefined ? fail('wrong-claims') : ok(identity);
      } catch (error) {
        return fail(refusalOf(error));
      }
    },
  };
}
