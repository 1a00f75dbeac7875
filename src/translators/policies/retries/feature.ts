/** `outbound.retries`, and a route's: which failed calls are tried again, how often, and within which budget. */
import type { RetryBudgetIr, RetryIr, SettingIr } from '../../../ir/index.js';
import type { OutboundSetting, RetryCondition } from '../../../model/index.js';
import { describe, settle, type Leaf, type Speaker } from '../../to-ir/settings.js';
import { showDuration } from '../show-duration.js';

const section = 'spec.outbound.retries';

function leaf<Value>(
  field: string,
  get: (says: NonNullable<OutboundSetting['retries']>) => Value | undefined,
): Leaf<OutboundSetting, Value> {
  return {
    field: `${section}.${field}`,
    get: ({ retries }) => (retries === undefined ? undefined : get(retries)),
  };
}

const attempts = leaf('attempts', (says) => says.attempts);
const on = leaf('retryOn', (says) => says.on);
const perTryTimeout = leaf('perTryTimeout', (says) => says.perTryTimeoutMs);
const backoffBase = leaf('backoff.base', (says) => says.backoff?.baseMs);
const backoffMax = leaf('backoff.max', (says) => says.backoff?.maxMs);
const statusCodes = leaf('statusCodes', (says) => says.statusCodes);
const budgetPercent = leaf('budget.percent', (says) => says.budget?.percent);
const budgetMin = leaf('budget.minConcurrent', (says) => says.budget?.minConcurrent);

/** What the callee cannot have processed, whatever the method: a POST is never sent twice. */
const safeConditions: readonly RetryCondition[] = [
  'connect-failure',
  'refused-stream',
  'reset-before-request',
];
const defaults = {
  attempts: 2,
  baseMs: 25,
  maxMs: 250,
  // A callee that is in trouble gets a fifth more at most; a few calls are never short of it.
  budget: { percent: 20, minConcurrent: 10 },
} as const;

/** What a route holds. */
export interface RouteRetries {
  readonly retry: RetryIr;
  readonly settings: readonly SettingIr[];
}

/** What a cluster holds, since it knows the calls under way. */
export interface ClusterRetries {
  readonly retryBudget: RetryBudgetIr;
  readonly settings: readonly SettingIr[];
}

function toRoute(speakers: readonly Speaker<OutboundSetting>[]): RouteRetries {
  const decided = {
    attempts: settle(speakers, attempts),
    on: settle(speakers, on),
    perTryTimeout: settle(speakers, perTryTimeout),
    base: settle(speakers, backoffBase),
    max: settle(speakers, backoffMax),
    statusCodes: settle(speakers, statusCodes),
  };
  const { baseMs, maxMs } = toBackoff(decided.base?.value, decided.max?.value);
  return {
    retry: {
      attempts: decided.attempts?.value ?? defaults.attempts,
      on: decided.on?.value ?? safeConditions,
      ...(decided.perTryTimeout === undefined
        ? {}
        : { perTryTimeoutMs: decided.perTryTimeout.value }),
      backoff: { baseMs, maxMs },
      statusCodes: decided.statusCodes?.value ?? [],
    },
    settings: [
      ...describe(decided.attempts, (value) => `retries: ${value} at most`),
      ...describe(decided.on, (value) => `retries on ${value.join(', ')}`),
      ...describe(decided.statusCodes, (value) => `retries on status ${value.join(', ')}`),
      ...describe(decided.perTryTimeout, (value) => `retries after ${showDuration(value)} each`),
      ...describe(decided.base, (value) => `retries: backoff from ${showDuration(value)}`),
      ...describe(decided.max, (value) => `retries: backoff to ${showDuration(value)}`),
    ],
  };
}

/** Envoy refuses a maximum below the base; two targets may have said one each. */
function toBackoff(
  base: number | undefined,
  max: number | undefined,
): { readonly baseMs: number; readonly maxMs: number } {
  const baseMs = base ?? Math.min(defaults.baseMs, max ?? defaults.baseMs);
  return { baseMs, maxMs: Math.max(baseMs, max ?? defaults.maxMs) };
}

function toCluster(speakers: readonly Speaker<OutboundSetting>[]): ClusterRetries {
  const percent = settle(speakers, budgetPercent);
  const least = settle(speakers, budgetMin);
  return {
    retryBudget: {
      percent: percent?.value ?? defaults.budget.percent,
      minConcurrent: least?.value ?? defaults.budget.minConcurrent,
    },
    settings: [
      ...describe(percent, (value) => `retry budget ${value} % of the calls under way`),
      ...describe(least, (value) => `retry budget of ${value} at least`),
    ],
  };
}

const routeLeaves: readonly Leaf<OutboundSetting, unknown>[] = [
  ...[attempts, on, perTryTimeout, backoffBase, backoffMax, statusCodes],
];

/** The feature. */
export const retriesFeature: {
  readonly leaves: readonly Leaf<OutboundSetting, unknown>[];
  /** Those that routes hold: they need a virtual host where they are not the whole mesh's. */
  readonly routeLeaves: readonly Leaf<OutboundSetting, unknown>[];
  readonly toCluster: typeof toCluster;
  readonly toRoute: typeof toRoute;
} = Object.freeze({
  leaves: [...routeLeaves, budgetPercent, budgetMin],
  routeLeaves,
  toCluster,
  toRoute,
});
