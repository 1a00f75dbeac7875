/** How requests are tried again: what a rule says over the mesh's default, leaf by leaf. */
import type { RetryIr } from '../../../ir/index.js';
import type { RetrySetting } from '../../../model/index.js';

/** Two tries after the first one, only where the server cannot have processed the request. */
export const defaultRetry: RetryIr = {
  attempts: 2,
  on: ['connect-failure', 'refused-stream', 'reset-before-request'],
  backoff: { baseMs: 25, maxMs: 250 },
  statusCodes: [],
};

/** The default with the leaves that `setting` gives. */
export function mergeRetry(setting: RetrySetting | undefined): RetryIr {
  if (setting === undefined) return defaultRetry;
  const { attempts, on, perTryTimeoutMs, backoff, statusCodes } = setting;
  const baseMs = backoff?.baseMs ?? defaultRetry.backoff.baseMs;
  return {
    attempts: attempts ?? defaultRetry.attempts,
    on: on ?? defaultRetry.on,
    ...(perTryTimeoutMs === undefined ? {} : { perTryTimeoutMs }),
    // Envoy refuses a maximum below the base.
    backoff: { baseMs, maxMs: Math.max(baseMs, backoff?.maxMs ?? defaultRetry.backoff.maxMs) },
    statusCodes: statusCodes ?? defaultRetry.statusCodes,
  };
}
