/** `retries`: of a route, and of `outbound`. */
import { z } from 'zod';
import type { OutboundRetrySetting, RetrySetting } from '../../../model/index.js';
import { strict } from './check.js';
import { durationMs, positiveDuration } from './texts.js';

const condition = z.enum([
  'connect-failure',
  'refused-stream',
  'reset-before-request',
  'reset',
  'gateway-error',
  '5xx',
  'retriable-4xx',
  'retriable-status-codes',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
]);

const fields = {
  attempts: z.int().min(0).max(10).optional(),
  // Not `on`: that is a boolean to the YAML 1.1 of kubectl.
  retryOn: z.array(condition).min(1).max(13).optional(),
  perTryTimeout: positiveDuration.optional(),
  backoff: strict({ base: positiveDuration.optional(), max: positiveDuration.optional() })
    .superRefine(({ base, max }, context) => {
      if (base !== undefined && max !== undefined && durationMs(max) < durationMs(base)) {
        const message = 'expected a duration not shorter than base';
        context.addIssue({ code: 'custom', path: ['max'], message });
      }
    })
    .optional(),
  statusCodes: z.array(z.int().min(400).max(599)).min(1).max(32).optional(),
};

/** `retries` of a route. */
export const routeRetriesSchema = strict(fields);

/** `outbound.retries`; the budget belongs to the callee's cluster, so routes have none. */
export const outboundRetriesSchema = strict({
  ...fields,
  budget: strict({
    percent: z.number().min(0).max(100).optional(),
    minConcurrent: z.int().min(0).max(1_000_000).optional(),
  }).optional(),
});

/** The setting as the model has it. */
export function toRetrySetting(entry: z.infer<typeof routeRetriesSchema>): RetrySetting {
  const { attempts, retryOn, perTryTimeout, backoff, statusCodes } = entry;
  return {
    ...(attempts === undefined ? {} : { attempts }),
    ...(retryOn === undefined ? {} : { on: retryOn }),
    ...(perTryTimeout === undefined ? {} : { perTryTimeoutMs: durationMs(perTryTimeout) }),
    ...(backoff === undefined ? {} : { backoff: toBackoff(backoff) }),
    ...(statusCodes === undefined ? {} : { statusCodes }),
  };
}

/** The same of `outbound`. */
export function toOutboundRetrySetting(
  entry: z.infer<typeof outboundRetriesSchema>,
): OutboundRetrySetting {
  const { budget } = entry;
  return {
    ...toRetrySetting(entry),
    ...(budget === undefined ? {} : { budget: toBudget(budget) }),
  };
}

function toBudget(budget: {
  readonly percent?: number | undefined;
  readonly minConcurrent?: number | undefined;
}): NonNullable<OutboundRetrySetting['budget']> {
  const { percent, minConcurrent } = budget;
  return {
    ...(percent === undefined ? {} : { percent }),
    ...(minConcurrent === undefined ? {} : { minConcurrent }),
  };
}

function toBackoff(backoff: {
  readonly base?: string | undefined;
  readonly max?: string | undefined;
}): { readonly baseMs?: number; readonly maxMs?: number } {
  return {
    ...(backoff.base === undefined ? {} : { baseMs: durationMs(backoff.base) }),
    ...(backoff.max === undefined ? {} : { maxMs: durationMs(backoff.max) }),
  };
}
