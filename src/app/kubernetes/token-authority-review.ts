/** TokenReviews: bounded, asked once for each token, remembered for a short while. Mutable state. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { TokenReviewVerdict } from '../../ca/index.js';
import type { Clock } from '../../lib/index.js';
import type { KubernetesClient } from '../../sources/index.js';

/** What the reviewer needs. */
export interface TokenReviewerOptions {
  readonly client: Pick<KubernetesClient, 'send'>;
  readonly clock: Clock;
  readonly audience: string;
  readonly onFailure: (error: unknown) => void;
}

/** The reviewer. */
export interface TokenReviewer {
  /** What the cluster says of a token; never rejects. */
  review(token: string): Promise<TokenReviewVerdict>;
}

const podUidKey = 'authentication.kubernetes.io/pod-uid';
const maxAtOnce = 8;
const maxWaiting = 256;
const maxRemembered = 4_096;
/** A token that is refused stays so, but for a pod that the API server's own cache has yet to hear of. */
const refusedForMs = 10_000;
const authenticatedForMs = 5_000;
const timeoutMs = 5_000;

const answerSchema = z.object({
  status: z.object({
    authenticated: z.boolean().optional(),
    audiences: z.array(z.string()).nullish(),
    user: z
      .object({
        username: z.string().optional(),
        extra: z.record(z.string(), z.array(z.string())).nullish(),
      })
      .optional(),
  }),
});

function readAnswer(answer: unknown, audience: string): TokenReviewVerdict {
  const { status } = answerSchema.parse(answer);
  // An authenticator that knows no audiences answers without any, and would take every token.
  const isOurs = status.authenticated === true && status.audiences?.includes(audience) === true;
  if (!isOurs) return { kind: 'refused' };
  const userName = status.user?.username ?? '';
  return { kind: 'authenticated', userName, podUid: status.user?.extra?.[podUidKey]?.[0] ?? '' };
}

/** A reviewer that remembers nothing yet. */
export function createTokenReviewer(options: TokenReviewerOptions): TokenReviewer {
  const { client, clock, audience } = options;
  const remembered = new Map<
    string,
    { readonly verdict: TokenReviewVerdict; readonly untilMs: number }
  >();
  const asking = new Map<string, Promise<TokenReviewVerdict>>();
  const waiting: (() => void)[] = [];
  let running = 0;

  const remember = (key: string, verdict: TokenReviewVerdict): void => {
    if (verdict.kind === 'undecided') return;
    const lifeMs = verdict.kind === 'refused' ? refusedForMs : authenticatedForMs;
    remembered.delete(key);
    remembered.set(key, { verdict, untilMs: clock.now() + lifeMs });
    const oldest = remembered.size > maxRemembered ? remembered.keys().next().value : undefined;
    if (oldest !== undefined) remembered.delete(oldest);
  };
  const ask = async (token: string): Promise<TokenReviewVerdict> => {
    try {
      const answer = await client.send({
        ...{ method: 'POST', path: '/apis/authentication.k8s.io/v1/tokenreviews', timeoutMs },
        body: {
          ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview' },
          spec: { token, audiences: [audience] },
        },
      });
      return readAnswer(answer, audience);
    } catch (error) {
      options.onFailure(error);
      return { kind: 'undecided' };
    }
  };
  /** At most so many at once; whoever comes when too many wait is not served. */
  const inTurn = async (token: string): Promise<TokenReviewVerdict> => {
    if (running >= maxAtOnce) {
      if (waiting.length >= maxWaiting) return { kind: 'undecided' };
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else running += 1;
    try {
      return await ask(token);
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };

  return {
    review(token): Promise<TokenReviewVerdict> {
      // Tokens themselves are not kept.
      const key = createHash('sha256').update(token).digest('base64');
      const known = remembered.get(key);
      if (known !== undefined && clock.now() < known.untilMs) return Promise.resolve(known.verdict);
      const current =
        asking.get(key) ??
        inTurn(token)
          .then((verdict) => {
            remember(key, verdict);
            return verdict;
          })
          .finally(() => asking.delete(key));
      asking.set(key, current);
      return current;
    },
  };
}
