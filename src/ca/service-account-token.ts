/**
 * Projected service account tokens: who a pod on Kubernetes is, by the cluster's published keys and
 * without a question to it, but for tokens that those keys do not settle.
 * https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/
 */
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, type JWTPayload } from 'jose';
import { fail, ok, type Clock, type Result } from '../lib/index.js';
import { createKeyHolder, type HeldKeys, type ServiceAccountKeys } from './service-account-keys.js';
import { isDnsLabel, isDnsSubdomain } from './spiffe.js';
import {
  isUid,
  maxTokenBytes,
  refusalOf,
  type TokenRefusal,
  type TokenVerifier,
  type WorkloadIdentity,
} from './token.js';

export type { ServiceAccountKeys } from './service-account-keys.js';

/** Who a workload is, and which service account of that name it was. */
export interface ServiceAccountIdentity extends WorkloadIdentity {
  readonly serviceAccountUid: string;
}

/** What the cluster itself says of a token (TokenReview). */
export type TokenReviewVerdict =
  | { readonly kind: 'authenticated'; readonly userName: string; readonly podUid: string }
  | { readonly kind: 'refused' }
  /** It did not answer, or too many ask. */
  | { readonly kind: 'undecided' };

/** What a verifier is made from. */
export interface ServiceAccountVerifierOptions {
  readonly clock: Clock;
  readonly audience: string;
  /** Reads what the cluster publishes; undefined: it publishes nothing, so that each token is reviewed. */
  readonly fetchKeys: () => Promise<ServiceAccountKeys | undefined>;
  /** Asks the cluster; must be bounded, never rejects. */
  readonly review: (token: string) => Promise<TokenReviewVerdict>;
}

/** Checks service account tokens. */
export interface ServiceAccountVerifier extends TokenVerifier {
  verify(token: string): Promise<Result<ServiceAccountIdentity, TokenRefusal>>;
  /** Reads the cluster's keys anew; rejects as `fetchKeys` does, and the old ones stay. */
  refreshKeys(): Promise<void>;
}

/** What Kubernetes signs with; nothing symmetric, so that no public key can serve as a secret. */
const algorithms: readonly string[] = ['RS256', 'ES256', 'ES384', 'ES512'];
/** How far the API server's clock may be ahead of ours. Nothing is added to a token's end. */
const aheadSeconds = 60;
const kubernetesClaim = 'kubernetes.io';

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}

function textAt(value: unknown, name: string): string {
  const found = field(value, name);
  return typeof found === 'string' ? found : '';
}

/** What the claims say, once somebody has vouched for them. */
function identityOf(payload: JWTPayload): Result<ServiceAccountIdentity, TokenRefusal> {
  const claims = payload[kubernetesClaim];
  const account = field(claims, 'serviceaccount');
  const pod = field(claims, 'pod');
  const namespace = textAt(claims, 'namespace');
  const serviceAccount = textAt(account, 'name');
  const serviceAccountUid = textAt(account, 'uid');
  const isAccount =
    isDnsLabel(namespace) &&
    isDnsSubdomain(serviceAccount) &&
    isUid(serviceAccountUid) &&
    payload.sub === userNameOf({ namespace, serviceAccount });
  if (!isAccount || payload.exp === undefined) return fail('wrong-claims');
  if (pod === undefined) return fail('no-pod');
  const podName = textAt(pod, 'name');
  const podUid = textAt(pod, 'uid');
  if (!isDnsSubdomain(podName) || !isUid(podUid)) return fail('wrong-claims');
  const nodeName = textAt(field(claims, 'node'), 'name');
  return ok({
    ...{ namespace, serviceAccount, serviceAccountUid, podName, podUid },
    ...(nodeName !== '' && { nodeName }),
    expiresAtMs: payload.exp * 1000,
  });
}

function userNameOf(account: {
  readonly namespace: string;
  readonly serviceAccount: string;
}): string {
  return `system:serviceaccount:${account.namespace}:${account.serviceAccount}`;
}

function hasAudience(payload: JWTPayload, audience: string): boolean {
  const { aud } = payload;
  return typeof aud === 'string' ? aud === audience : (aud?.includes(audience) ?? false);
}

function isOfUnknownKey(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys
  );
}

/** What the keys say of a token: its claims, or why not, or that they do not know the key. */
type Checked = Result<JWTPayload, TokenRefusal | 'stranger'>;

/** A verifier that has read nothing yet. */
export function createServiceAccountVerifier(
  options: ServiceAccountVerifierOptions,
): ServiceAccountVerifier {
  const { clock, audience } = options;
  const holder = createKeyHolder(clock, options.fetchKeys);

  const checkTimes = ({ exp = 0 }: JWTPayload): boolean => clock.now() < exp * 1000;

  const check = async (token: string, keys: HeldKeys | undefined): Promise<Checked> => {
    if (keys === undefined) return fail('stranger');
    try {
      const { payload } = await jwtVerify(token, keys.getKey, {
        algorithms: [...algorithms],
        audience,
        requiredClaims: ['exp', 'sub', kubernetesClaim],
        currentDate: new Date(clock.now()),
        clockTolerance: aheadSeconds,
      });
      return checkTimes(payload) ? ok(payload) : fail('expired');
    } catch (error) {
      return fail(isOfUnknownKey(error) ? 'stranger' : refusalOf(error));
    }
  };

  /** The cluster decides; what it authenticates is what the token says. */
  const ask = async (
    token: string,
    payload: JWTPayload,
    refusal: TokenRefusal,
  ): Promise<Result<ServiceAccountIdentity, TokenRefusal>> => {
    const identity = identityOf(payload);
    if (!identity.ok) return identity;
    const verdict = await options.review(token);
    if (verdict.kind === 'undecided') return fail('undecided');
    if (verdict.kind === 'refused') return fail(refusal);
    const isSame =
      verdict.userName === userNameOf(identity.value) && verdict.podUid === identity.value.podUid;
    return isSame ? identity : fail('wrong-claims');
  };

  /** Nobody has vouched for this token yet: what is plainly wrong costs the cluster no question. */
  const askOfStranger = async (
    token: string,
  ): Promise<Result<ServiceAccountIdentity, TokenRefusal>> => {
    const payload = decodeJwt(token);
    const issuer = holder.current()?.issuer;
    if (issuer !== undefined && payload.iss !== issuer) return fail('unknown-key');
    if (!hasAudience(payload, audience)) return fail('wrong-audience');
    if (!checkTimes(payload)) return fail('expired');
    return ask(token, payload, 'unknown-key');
  };

  const verify = async (token: string): Promise<Result<ServiceAccountIdentity, TokenRefusal>> => {
    if (token === '') return fail('absent');
    if (Buffer.byteLength(token) > maxTokenBytes) return fail('oversized');
    try {
      const { alg = '' } = decodeProtectedHeader(token);
      if (!algorithms.includes(alg)) return fail('wrong-algorithm');
      let found = await check(token, holder.current());
      if (!found.ok && found.error === 'stranger' && (await holder.refreshForStranger())) {
        found = await check(token, holder.current());
      }
      if (found.ok) {
        const isOurs = found.value.iss === holder.current()?.issuer;
        // A cluster may accept several issuers while it changes from one to another.
        return isOurs ? identityOf(found.value) : await ask(token, found.value, 'wrong-issuer');
      }
      return found.error === 'stranger' ? await askOfStranger(token) : fail(found.error);
    } catch {
      return fail('malformed');
    }
  };
  return { verify, refreshKeys: () => holder.refresh() };
}
