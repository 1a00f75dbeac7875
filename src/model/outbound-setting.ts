/** `outbound` of a TrafficPolicy without egress: what is absent is left to farther targets and the defaults. */

import type { TlsSetting } from './outbound-tls.js';
import type { ServiceRef } from './service-ref.js';

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

/** `outbound.connections`: limits of each sidecar to one callee. */
export interface ConnectionsSetting {
  readonly max?: number;
  readonly maxPending?: number;
  readonly maxRequests?: number;
  /** 0: no limit. */
  readonly maxRequestsPerConnection?: number;
  /** 0: none is sent. */
  readonly tcpKeepaliveMs?: number;
}

/** `outbound.outlierDetection`; 0 for a count: never for this reason. */
export interface OutlierDetectionSetting {
  readonly consecutive5xx?: number;
  readonly consecutiveGatewayErrors?: number;
  readonly successRate?: SuccessRateSetting;
  readonly intervalMs?: number;
  readonly baseEjectionMs?: number;
  readonly maxEjectedPercent?: number;
}

/** When an endpoint's rate of success is too far below that of the others. */
export interface SuccessRateSetting {
  /** So many endpoints need enough requests, or none is judged. */
  readonly minimumHosts?: number;
  /** In one interval, for an endpoint to be judged. */
  readonly requestVolume?: number;
  /** Standard deviations below the mean. */
  readonly stdevFactor?: number;
}

/** What RingHash and Maglev hash. */
export type HashSetting =
  | { readonly kind: 'header'; readonly name: string }
  /** 0 for `ttlMs`: the session. */
  | { readonly kind: 'cookie'; readonly name: string; readonly ttlMs: number }
  | { readonly kind: 'sourceIP' }
  | { readonly kind: 'queryParam'; readonly name: string };

/** How an endpoint is chosen. */
export type Algorithm = 'LeastRequest' | 'RoundRobin' | 'Random' | 'RingHash' | 'Maglev';

/** Whether endpoints in the caller's zone come first, or are the only ones. */
export type Locality = 'None' | 'PreferZone' | 'Strict';

/** `outbound.loadBalancing`. */
export interface LoadBalancingSetting {
  readonly algorithm?: Algorithm;
  readonly hashOn?: HashSetting;
  readonly slowStartMs?: number;
  readonly locality?: Locality;
  readonly failover?: readonly ServiceRef[];
}

/** `outbound`, as far as it is carried out. */
export interface OutboundSetting {
  readonly timeouts?: TimeoutsSetting;
  readonly retries?: OutboundRetrySetting;
  readonly connections?: ConnectionsSetting;
  readonly outlierDetection?: OutlierDetectionSetting;
  readonly loadBalancing?: LoadBalancingSetting;
  readonly tls?: TlsSetting;
}
