/** `inbound.rateLimit` and `inbound.connections` of a TrafficPolicy: what is absent is left to farther targets. */

/** So many calls in so long a time, evenly. */
export interface Rate {
  readonly requests: number;
  readonly perMs: number;
}

/** `inbound.rateLimit`; at least one of its fields is there. */
export interface RateLimitSetting {
  /** Of all callers together; `burst` calls more may come at once. */
  readonly total?: Rate & { readonly burst: number };
  /** Of each caller. */
  readonly perIdentity?: Rate;
}

/** `inbound.connections`. */
export interface InboundConnectionsSetting {
  readonly max?: number;
}
