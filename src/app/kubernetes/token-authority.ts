/**
 * Who a sidecar on Kubernetes is: its token by the cluster's keys, its pod and service account by
 * copies that watches keep. The cluster is asked only where these do not settle it, so that a storm of
 * reconnects costs it nothing and its outage stops nobody. Mutable state: the copies.
 */
import { z } from 'zod';
import {
  createServiceAccountVerifier,
  type ServiceAccountIdentity,
  type ServiceAccountKeys,
  type TokenRefusal,
  type TokenVerifier,
} from '../../ca/index.js';
import {
  backoffDelayMs,
  fail,
  ok,
  wait,
  type Clock,
  type Logger,
  type Result,
} from '../../lib/index.js';
import { podKey } from '../../model/index.js';
import {
  createReflector,
  KubernetesApiError,
  type KubernetesClient,
  type SourceBatch,
} from '../../sources/index.js';
import { createTokenReviewer } from './token-authority-review.js';

/** What it needs. */
export interface TokenAuthorityOptions {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `skerry` by default. */
  readonly audience?: string;
  /** Numbers in [0, 1). */
  readonly random?: () => number;
}

/** Checks the tokens of pods. */
export interface TokenAuthority extends TokenVerifier {
  verify(token: string): Promise<Result<ServiceAccountIdentity, TokenRefusal>>;
  /** Pods as the source has them. */
  onBatch(batch: SourceBatch): void;
  /** Begins; resolves when keys and service accounts are known. Rejects when stopped before. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** What it has not read yet, each with its reason; empty: it can serve. */
  waiting(): readonly string[];
}

/** A watch is milliseconds behind, or as long as a reconnect takes. */
const watchLagMs = 1_000;
/** Once the API server says that the pod is there, its event is worth waiting for: a refusal costs the sidecar more. */
const watchLagOfKnownMs = 4_000;
/** Each holds one of the places for streams that are let in at the same time. */
const maxWaiting = 16;
/** A cluster shows a new key long before it signs with it only if somebody looks. */
const keysEvery = { baseMs: 600_000, maxMs: 600_000 };
const keysRetry = { baseMs: 500, maxMs: 10_000 };

const discoverySchema = z.object({ issuer: z.string() });
const serviceAccountSchema = z.object({ metadata: z.object({ uid: z.string() }) });

/** What the API server publishes; undefined where it publishes nothing, or not to us. */
async function fetchKeys(client: KubernetesClient): Promise<ServiceAccountKeys | undefined> {
  try {
    const path = '/.well-known/openid-configuration';
    const { issuer } = discoverySchema.parse(await client.send({ method: 'GET', path }));
    // An API server offers its keys under this type alone (RFC 7517, 8.5).
    const accept = 'application/jwk-set+json';
    const keySet = await client.send({ method: 'GET', path: '/openid/v1/jwks', accept });
    return { issuer, keySet };
  } catch (error) {
    const status = error instanceof KubernetesApiError ? error.status : undefined;
    if (status === 404 || status === 403) return undefined;
    throw error;
  }
}

interface KnownPod {
  readonly uid: string;
  readonly serviceAccount: string;
}

/** What the copies make of an identity; undefined: nothing speaks against it. */
type Doubt = 'pod-gone' | 'service-account-gone';

/** Makes it; nothing has been asked yet. */
export function createTokenAuthority(options: TokenAuthorityOptions): TokenAuthority {
  const { client, clock, logger } = options;
  const audience = options.audience ?? 'skerry';
  const random = options.random ?? Math.random;
  const pods = new Map<string, KnownPod>();
  const accounts = new Map<string, string>();
  const waiters = new Set<() => void>();
  const ending = new AbortController();
  let hasKeys = false;
  let problem = 'being read';
  let renewing = Promise.resolve();

  const reviewer = createTokenReviewer({
    ...{ client, clock, audience },
    onFailure: (error) => {
      logger.warn('a token could not be reviewed', { error });
    },
  });
  const verifier = createServiceAccountVerifier({
    ...{ clock, audience },
    fetchKeys: () => fetchKeys(client),
    review: (token) => reviewer.review(token),
  });
  const wake = (): void => {
    for (const waiter of [...waiters]) waiter();
  };
  const reflector = createReflector<string>({
    ...{ client, clock, random, path: '/api/v1/serviceaccounts' },
    read: (object) => serviceAccountSchema.parse(object).metadata.uid,
    onChange: (changes) => {
      for (const { key, value } of changes) {
        if (value === undefined) accounts.delete(key);
        else accounts.set(key, value);
      }
      wake();
    },
    onProblem: (found) => {
      logger.warn('service accounts cannot be watched', { problem: found });
    },
  });

  const doubtOf = (identity: ServiceAccountIdentity): Doubt | undefined => {
    const { namespace, serviceAccount, podName } = identity;
    if (pods.get(podKey(namespace, podName))?.uid !== identity.podUid) return 'pod-gone';
    const isAccount = accounts.get(`${namespace}/${serviceAccount}`) === identity.serviceAccountUid;
    return isAccount ? undefined : 'service-account-gone';
  };

  /** Resolves when the copies have caught up with an identity, or after a while. */
  const catchUp = (identity: ServiceAccountIdentity, forMs: number): Promise<void> => {
    if (doubtOf(identity) === undefined || waiters.size >= maxWaiting) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        waiters.delete(look);
        ending.signal.removeEventListener('abort', end);
        resolve();
      };
      const look = (): void => {
        if (doubtOf(identity) === undefined) end();
      };
      const cancel = clock.after(forMs, end);
      ending.signal.addEventListener('abort', end, { once: true });
      waiters.add(look);
    });
  };

  /** A genuine token of which the copies know nothing: they are behind, or its pod is gone. */
  const settle = async (
    token: string,
    identity: ServiceAccountIdentity,
  ): Promise<Result<ServiceAccountIdentity, TokenRefusal>> => {
    await catchUp(identity, watchLagMs);
    const doubt = doubtOf(identity);
    if (doubt === undefined) return ok(identity);
    const verdict = await reviewer.review(token);
    if (verdict.kind === 'undecided') return fail('undecided');
    if (verdict.kind === 'refused') return fail(doubt);
    // Whoever admits the stream has the last word if the event does not come.
    if (doubt === 'pod-gone') await catchUp(identity, watchLagOfKnownMs);
    return ok(identity);
  };

  const readKeys = async (): Promise<void> => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        await verifier.refreshKeys();
        hasKeys = true;
        return;
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error);
        if (attempt === 0) logger.warn('the keys of service accounts cannot be read', { error });
      }
      await wait(clock, backoffDelayMs(attempt, keysRetry, random), ending.signal);
    }
  };
  const keepKeysFresh = async (): Promise<void> => {
    for (;;) {
      await wait(clock, backoffDelayMs(0, keysEvery, random), ending.signal);
      await readKeys();
    }
  };

  return {
    async verify(token): Promise<Result<ServiceAccountIdentity, TokenRefusal>> {
      const found = await verifier.verify(token);
      if (!found.ok || doubtOf(found.value) === undefined) return found;
      return settle(token, found.value);
    },
    onBatch(batch): void {
      let hasPods = false;
      for (const change of batch.changes) {
        if (change.collection !== 'pods') continue;
        hasPods = true;
        if (change.value === undefined) pods.delete(change.key);
        else pods.set(change.key, change.value);
      }
      if (hasPods) wake();
    },
    async start(): Promise<void> {
      await Promise.all([readKeys(), reflector.start()]);
      // It ends by the signal, which is no failure.
      renewing = keepKeysFresh().catch(() => undefined);
    },
    async stop(): Promise<void> {
      ending.abort();
      await reflector.stop();
      await renewing;
    },
    waiting: () => [
      ...(hasKeys ? [] : [`keys of service accounts: ${problem}`]),
      ...(reflector.state().isSynced
        ? []
        : [`serviceaccounts: ${reflector.state().problem ?? 'being listed'}`]),
    ],
  };
}
