/** TrafficPolicy (skerry.dev/v1alpha1) as parsed: durations in milliseconds, defaults left out, enums checked. */
import type { EgressSetting } from './egress-setting.js';
import type { Labels } from './kubernetes.js';
import type { PolicyKey } from './ids.js';
import type { InboundConnectionsSetting, RateLimitSetting } from './inbound-limits.js';
import type { JwtSetting } from './jwt.js';
import type { OutboundSetting, RetrySetting } from './outbound-setting.js';
import type { ServiceRef } from './service-ref.js';

/** What a policy is about; all targets of one policy are of one class. */
export type PolicyTarget =
  | {
      readonly kind: 'Service';
      readonly namespace: string;
      readonly name: string;
      /** A port's name. */
      readonly sectionName?: string;
    }
  /** Pods of the policy's own namespace. */
  | { readonly kind: 'Pod'; readonly selector: Labels }
  /** The policy's own namespace; with a selector (root namespace only), every namespace it matches. */
  | { readonly kind: 'Namespace'; readonly selector?: Labels }
  | { readonly kind: 'Mesh' };

/** How one text is compared. Regular expressions are RE2 and match the whole value. */
export interface TextMatch {
  readonly type: 'Exact' | 'Prefix' | 'RegularExpression' | 'Present';
  /** Empty for Present. */
  readonly value: string;
}

/** Who calls. */
export type CallerMatch =
  | { readonly kind: 'namespace'; readonly namespace: string }
  | { readonly kind: 'serviceAccount'; readonly namespace: string; readonly name: string }
  /** `*` may stand at the end of `pattern` only. */
  | { readonly kind: 'spiffe'; readonly pattern: string }
  | { readonly kind: 'cidr'; readonly cidr: string }
  | { readonly kind: 'namespaceSelector'; readonly matchLabels: Labels };

/** One entry of `from`: its fields hold together, and none of `not` does. */
export interface CallerRule {
  readonly all: readonly CallerMatch[];
  readonly not: readonly CallerRule[];
}

/** One entry of a route's `matches`. */
export interface RouteMatch {
  readonly path?: {
    readonly type: 'Exact' | 'PathPrefix' | 'RegularExpression';
    readonly value: string;
  };
  readonly method?: string;
  readonly headers: readonly (TextMatch & { readonly name: string })[];
  readonly queryParams: readonly (TextMatch & { readonly name: string })[];
  /** Callers it is for; absent: all. */
  readonly from?: readonly CallerRule[];
}

/** Where a route sends requests, by weight. */
export type Backend =
  | { readonly kind: 'service'; readonly ref: ServiceRef; readonly weight: number }
  /** The target's own endpoints whose pods carry these labels. */
  | { readonly kind: 'subset'; readonly labels: Labels; readonly weight: number };

/** Changes to headers, in the order set, add, remove. Names are lower case. */
export interface HeaderChanges {
  readonly set: Readonly<Record<string, string>>;
  readonly add: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
}

/** A new path: all of it, or the matched prefix. */
export type PathChange =
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'replace'; readonly value: string };

/** Statuses of a gRPC call that failed: https://grpc.io/docs/guides/status-codes/. */
export type GrpcStatus =
  | 'CANCELLED'
  | 'UNKNOWN'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'
  | 'UNAUTHENTICATED';

/** `fault` of a route: at least one of its fields is there. */
export interface FaultSetting {
  readonly delay?: { readonly percent: number; readonly durationMs: number };
  /** At least one status is there: `grpcStatus` for gRPC calls, `httpStatus` for all that it leaves. */
  readonly abort?: {
    readonly percent: number;
    readonly httpStatus?: number;
    readonly grpcStatus?: GrpcStatus;
  };
}

/** One entry of `routes`. */
export interface RouteRule {
  /** Unique in its policy; `rule-<index>` where the user gave none. */
  readonly name: string;
  /** Empty: everything. */
  readonly matches: readonly RouteMatch[];
  /** Empty: the target itself. */
  readonly backends: readonly Backend[];
  readonly rewrite?: { readonly path?: PathChange; readonly hostname?: string };
  readonly redirect?: {
    readonly scheme?: 'http' | 'https';
    readonly hostname?: string;
    readonly path?: PathChange;
    readonly port?: number;
    readonly statusCode: 301 | 302 | 303 | 307 | 308;
  };
  readonly requestHeaders?: HeaderChanges;
  readonly responseHeaders?: HeaderChanges;
  readonly mirror?: { readonly ref: ServiceRef; readonly percent: number };
  readonly fault?: FaultSetting;
  readonly timeoutMs?: number;
  readonly retries?: RetrySetting;
}

/** Whether callers must, may or cannot use mutual TLS. */
export type MtlsMode = 'Strict' | 'Permissive' | 'Disabled';

/** `inbound.mtls`. */
export interface MtlsSetting {
  readonly mode?: MtlsMode;
  /** Container port → mode. */
  readonly ports: ReadonlyMap<number, MtlsMode>;
  /** Nothing nearer may lower it. */
  readonly isFloor: boolean;
}

/** One entry of `to`: its fields hold together; empty lists match all. */
export interface OperationRule {
  /** Container ports. */
  readonly ports: readonly number[];
  readonly methods: readonly string[];
  /** `*` may stand at the end only. */
  readonly paths: readonly string[];
}

/** One entry of `when`. */
export type RuleCondition =
  | {
      readonly kind: 'header';
      /** Lower case. */
      readonly name: string;
      /** Alternatives; `*` may stand at the end only. */
      readonly values: readonly string[];
    }
  | {
      readonly kind: 'claim';
      /** Also the way into a map, by dots. */
      readonly claim: string;
      /** Absent: the one that is configured. */
      readonly issuer?: string;
      readonly values: readonly string[];
    };

/** One entry of `allow` or `deny`. */
export interface AuthorizationRule {
  /** Unique in its list; `allow-<index>` or `deny-<index>` where the user gave none. */
  readonly name: string;
  /** Alternatives; empty: everybody. */
  readonly from: readonly CallerRule[];
  /** Alternatives; empty: everything. */
  readonly to: readonly OperationRule[];
  /** All hold; empty: nothing more is asked. */
  readonly when: readonly RuleCondition[];
}

/** `inbound.authorization`. */
export interface Authorization {
  readonly default: 'Allow' | 'Deny' | 'Inherit';
  readonly deny: readonly AuthorizationRule[];
  /** Absent: no allow list; empty: admits nobody. */
  readonly allow?: readonly AuthorizationRule[];
}

/** A TrafficPolicy. */
export interface TrafficPolicy {
  readonly kind: 'TrafficPolicy';
  readonly key: PolicyKey;
  readonly namespace: string;
  readonly name: string;
  readonly creationTimestampMs: number;
  /** Hash of the spec: two objects with equal hashes say the same. */
  readonly hash: string;
  readonly mode: 'Enforce' | 'Audit' | 'Disabled';
  readonly targets: readonly PolicyTarget[];
  /** Absent: no word on routes. Not empty: a request that no rule matches is answered 404. */
  readonly routes?: readonly RouteRule[];
  readonly mtls?: MtlsSetting;
  readonly authorization?: Authorization;
  readonly jwt?: JwtSetting;
  readonly rateLimit?: RateLimitSetting;
  readonly inboundConnections?: InboundConnectionsSetting;
  readonly egress?: EgressSetting;
  /** `outbound` without egress. */
  readonly outbound?: OutboundSetting;
}

/**
 * Which sections a refused object spoke of, as far as could be read: what must fail closed for
 * its targets when no good form of it is known.
 */
export interface RefusedPolicy {
  readonly kind: 'RefusedPolicy';
  readonly key: PolicyKey;
  readonly namespace: string;
  readonly name: string;
  readonly creationTimestampMs: number;
  readonly hash: string;
  /** Targets as far as they could be read; undefined when none could: then the whole namespace. */
  readonly targets?: readonly PolicyTarget[];
  readonly spokeOfMtls: boolean;
  /** Of rules, or of tokens. */
  readonly spokeOfAuthorization: boolean;
}
