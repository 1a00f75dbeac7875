/** What a sidecar does with calls that reach its pod: mutual TLS and authorization, port by port. */
import type { Labels, MtlsMode, Rate } from '../model/index.js';
import type { JwtIr } from './jwt.js';
import type { Origin, SettingIr } from './origin.js';

/** How the identity of a caller is compared. An `identity` term is never met without mTLS. */
export type CallerTermIr =
  | { readonly kind: 'identity'; readonly match: 'exact' | 'prefix'; readonly value: string }
  | { readonly kind: 'cidr'; readonly cidr: string };

/**
 * One alternative of `from`: all of `all` hold and none of `not`. An element of `all` is itself a
 * list of alternatives (a namespace selector spreads to one identity prefix per namespace; an
 * empty list is never met).
 */
export interface CallerIr {
  readonly all: readonly (readonly CallerTermIr[])[];
  readonly not: readonly CallerIr[];
}

/** One alternative of `to`, on one port: HTTP conditions only, ports being resolved already. */
export interface OperationIr {
  readonly methods: readonly string[];
  /** `*` stands at the end only. */
  readonly paths: readonly string[];
}

/** One entry of `when`: what a request carries. */
export type ConditionIr =
  | {
      readonly kind: 'header';
      /** Lower case. */
      readonly name: string;
      /** Alternatives; `*` stands at the end only. */
      readonly values: readonly string[];
    }
  | {
      readonly kind: 'claim';
      /** Also the way into a map, by dots. */
      readonly claim: string;
      /** Alternatives. */
      readonly issuers: readonly string[];
      readonly values: readonly string[];
    }
  /** The token is not what it has to be (deny rules only). */
  | { readonly kind: 'token'; readonly problem: TokenProblem };

/** Why a request is refused for its token, beyond what its signature says. */
export type TokenProblem =
  /** No issuer has vouched for it. */
  | { readonly kind: 'missing'; readonly issuers: readonly string[] }
  /** `authorization` speaks of a bearer token otherwise than sidecars and apps agree on. */
  | { readonly kind: 'ambiguous' };

/** One rule on one port. */
export interface AuthorizationRuleIr {
  /** `namespace/policy/rule`: appears in access logs. */
  readonly name: string;
  /** Alternatives; empty: everybody. */
  readonly from: readonly CallerIr[];
  /** Alternatives; empty: everything. Never HTTP conditions on a TCP port. */
  readonly to: readonly OperationIr[];
  /** All hold. Never anything on a TCP port. */
  readonly when: readonly ConditionIr[];
  /** For a deny rule that names an identity: callers without one are refused too. */
  readonly alsoWithoutIdentity: boolean;
  readonly origins: readonly Origin[];
}

/** The verdict on one port: any deny that matches refuses, else any allow that matches admits, else `otherwise`. */
export interface AuthorizationIr {
  readonly deny: readonly AuthorizationRuleIr[];
  readonly allow: readonly AuthorizationRuleIr[];
  readonly otherwise: {
    readonly verdict: 'allow' | 'deny';
    /** `namespace/policy/default` or `namespace/policy/allow`: appears in access logs. Empty when nobody spoke. */
    readonly name: string;
    readonly origins: readonly Origin[];
  };
}

/** How many calls a port lets in; the others are answered 429. */
export interface RateLimitIr {
  /** `namespace/policy/rateLimit`, several separated by commas: appears in answers and access logs. */
  readonly name: string;
  /** Of all callers together; `burst` calls more may come at once. */
  readonly total?: Rate & { readonly burst: number };
  /** Of each identity, and of all callers without one together. */
  readonly perIdentity?: Rate;
  /** What was decided, with the YAML behind it. */
  readonly settings: readonly SettingIr[];
}

/** How many connections a port bears at once, of each kind that it tells apart. */
export interface InboundConnectionsIr {
  /** `namespace/policy/connections`. */
  readonly name: string;
  readonly max: number;
  /** What was decided, with the YAML behind it. */
  readonly settings: readonly SettingIr[];
}

/** One port of a workload, or all that are not listed. */
export interface InboundPortIr {
  /** Absent: every port that no Service declares. */
  readonly port?: number;
  /** `sniff`: the first bytes decide between HTTP and TCP (plaintext) or the ALPN does (mTLS). */
  readonly protocol: 'http' | 'tcp' | 'sniff';
  readonly mtls: MtlsMode;
  /** Absent: tokens are not looked at. Absent on TCP ports. */
  readonly jwt?: JwtIr;
  /** Absent: as many as come. Absent on TCP ports. */
  readonly rateLimit?: RateLimitIr;
  /** Absent: as many as come. */
  readonly connections?: InboundConnectionsIr;
  /** What is enforced when the bytes are HTTP. */
  readonly http: AuthorizationIr;
  /** What is enforced when they are not: rules with HTTP conditions resolved as policy.md says. */
  readonly tcp: AuthorizationIr;
  /** The same with policies in Audit added, only when that differs. */
  readonly shadow?: { readonly http: AuthorizationIr; readonly tcp: AuthorizationIr };
  readonly origins: readonly Origin[];
}

/** A workload's inbound side. */
export interface InboundIr {
  /** `namespace/name` of the Pod. */
  readonly pod: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: Labels;
  /** Pod addresses: what the app is reached at. */
  readonly ips: readonly string[];
  /** The pod is being deleted: callers are asked to connect elsewhere. */
  readonly isDraining: boolean;
  /** Sorted by port; the entry without a port stands last. */
  readonly ports: readonly InboundPortIr[];
}
