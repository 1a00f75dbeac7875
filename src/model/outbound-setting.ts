/** `outbound` of a TrafficPolicy without egress: what is absent is left to farther targets and the defaults. */

/** Conditions on which a request is tried again. */
export type RetryCondition =
  | 'connect-failure'
  | 'refused-stream'
  | 'reset-before-request'
  | 'reset'
  | 'gateway-error'
  | '5xx'
  | 'retriable-4xx'
  | 'retriable-status-codes'
  | 'cancelled'
  | 'deadline-exceeded'
  | 'internal'
  | 'resource-exhausted'
  | 'unavailable';

/** How requests are tried again: of a route, and of `outbound`. */
export interface RetrySetting {
  /** Tries after the first one, 0 to 10. */
  readonly attempts?: number;
  readonly on?: readonly RetryCondition[];
  readonly perTryTimeoutMs?: number;
  readonly backoff?: { readonly baseMs?: number; readonly maxMs?: number };
  readonly statusCodes?: readonly number[];
}

/** `outbound.timeouts`; 0 for `request` and `idle`: without end. */
export interface TimeoutsSetting {
  readonly connectMs?: number;
  readonly requestMs?: number;
  readonly idleMs?: number;
}

/** `outbound.retries`: of a route's it differs by the budget, which belongs to the callee. */
export interface OutboundRetrySetting extends RetrySetting {
  /** Bounds all retries to the callee together. */
  readonly budget?: { readonly percent?: number; readonly minConcurrent?: number };
}

/** `outbound`, as far as it is carried out. */
export interface OutboundSetting {
  readonly timeouts?: TimeoutsSetting;
  readonly retries?: OutboundRetrySetting;
}
