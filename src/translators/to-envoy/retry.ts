/** Retries of requests. */
import type { RetryIr } from '../../ir/index.js';
import { unprocessedHeader } from './contract.js';
import type { RetryPolicy } from '../../envoy/index.js';
import { spellDuration } from './values.js';

/**
 * How often another host is looked for before one that was tried is taken again. LeastRequest takes one
 * that fails at once, hence has the fewest calls under way, in three of four draws where it is one of
 * two: with five draws more than one such call in six would meet it again.
 */
const hostSelectionAttempts = 32;

/** The policy; undefined when nothing is retried. */
export function spellRetry(ir: RetryIr): RetryPolicy | undefined {
  const conditions = new Set<string>(ir.on);
  // Envoy reads the list of codes only under this condition.
  if (ir.statusCodes.length > 0) conditions.add('retriable-status-codes');
  if (ir.attempts === 0 || conditions.size === 0) return undefined;
  // That the callee's sidecar cannot connect to its app is the same failure, one hop later.
  const isConnect = conditions.has('connect-failure');
  if (isConnect) conditions.add('retriable-headers');
  return {
    retry_on: [...conditions].join(','),
    num_retries: ir.attempts,
    ...(ir.perTryTimeoutMs === undefined
      ? {}
      : { per_try_timeout: spellDuration(ir.perTryTimeoutMs) }),
    retry_back_off: {
      base_interval: spellDuration(ir.backoff.baseMs),
      max_interval: spellDuration(ir.backoff.maxMs),
    },
    ...(ir.statusCodes.length === 0 ? {} : { retriable_status_codes: ir.statusCodes }),
    ...(isConnect ? { retriable_headers: [{ name: unprocessedHeader, present_match: true }] } : {}),
    retry_host_predicate: [
      {
        name: 'envoy.retry_host_predicates.previous_hosts',
        typed_config: {
          '@type':
            'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
        },
      },
    ],
    host_selection_retry_max_attempts: hostSelectionAttempts,
  };
}
