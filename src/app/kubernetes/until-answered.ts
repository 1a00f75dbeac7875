/** Asks an API server until it answers: a control plane that starts during an outage waits for its end. */
import { backoffDelayMs, wait, type Clock, type Logger } from '../../lib/index.js';
import { KubernetesApiError } from '../../sources/index.js';

/** How to ask. */
export interface UntilAnsweredOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told why there is no answer yet; undefined: there is one. */
  readonly onWaiting: (reason: string | undefined) => void;
  /** Numbers in [0, 1). */
  readonly random?: () => number;
}

const retry = { baseMs: 500, maxMs: 10_000 };

/** Reasons that lie on this machine: no kubeconfig, or one that cannot be read. */
const ofThisMachine: readonly string[] = ['ENOENT', 'EACCES', 'EISDIR'];

/** Whether the API server may answer otherwise later, without anybody changing anything. */
function isPassing(error: unknown): error is KubernetesApiError {
  return (
    error instanceof KubernetesApiError &&
    !ofThisMachine.includes(error.reason) &&
    (error.status === 0 || error.status === 429 || error.status >= 500)
  );
}

/** Whatever wraps the error of the API: its cause is what counts. */
function apiErrorOf(error: unknown): unknown {
  if (error instanceof KubernetesApiError || !(error instanceof Error)) return error;
  return error.cause instanceof KubernetesApiError ? error.cause : error;
}

/** What `ask` resolves to, tried again while the API server is away. Rejects with every other error. */
export async function untilAnswered<T>(
  ask: () => Promise<T>,
  options: UntilAnsweredOptions,
): Promise<T> {
  const { clock, logger, onWaiting } = options;
  const random = options.random ?? Math.random;
  const never = new AbortController().signal;
  for (let attempt = 0; ; attempt += 1) {
    try {
      const answer = await ask();
      onWaiting(undefined);
      return answer;
    } catch (error) {
      const cause = apiErrorOf(error);
      if (!isPassing(cause)) throw error;
      if (attempt === 0) logger.warn('the API server does not answer yet', { error: cause });
      onWaiting(`the API server does not answer: ${cause.message}`);
    }
    await wait(clock, backoffDelayMs(attempt, retry, random), never);
  }
}
