/** Decisions for tests, with what a test does not speak of filled in. */
import type {
  AuthorizationIr,
  AuthorizationRuleIr,
  CallerIr,
  ClusterIr,
  EgressIr,
  InboundIr,
  InboundPortIr,
  OutboundListenerIr,
  RetryIr,
  RouteActionIr,
  RouteIr,
  VirtualHostIr,
} from '../../../ir/index.js';
import { spiffeId } from '../../../model/index.js';
import type { SpellSettings } from '../settings.js';

/** Logs everything, for the trust domain `cluster.local`. */
export const settings: SpellSettings = { trustDomain: 'cluster.local', accessLog: 'All' };

/** Nothing is tried again. */
export const noRetry: RetryIr = {
  attempts: 0,
  on: [],
  backoff: { baseMs: 25, maxMs: 250 },
  statusCodes: [],
};

/** The identity of service account `name` in namespace `name`. */
export function idOf(name: string): string {
  return spiffeId('cluster.local', name, name);
}

/** A caller with exactly this identity. */
export function caller(name: string): CallerIr {
  return { all: [[{ kind: 'identity', match: 'exact', value: idOf(name) }]], not: [] };
}

/** A caller from this network. */
export function callerFrom(cidr: string): CallerIr {
  return { all: [[{ kind: 'cidr', cidr }]], not: [] };
}

/** A rule; everybody and everything unless said otherwise. */
export function rule(name: string, parts: Partial<AuthorizationRuleIr> = {}): AuthorizationRuleIr {
  return { name, from: [], to: [], when: [], alsoWithoutIdentity: false, origins: [], ...parts };
}

/** Admits everybody. */
export const open: AuthorizationIr = {
  deny: [],
  allow: [],
  otherwise: { verdict: 'allow', name: '', origins: [] },
};

/** Admits whom one of the rules admits; the refusal is called `shop/p/allow`. */
export function onlyAllow(...allow: readonly AuthorizationRuleIr[]): AuthorizationIr {
  return { deny: [], allow, otherwise: { verdict: 'deny', name: 'shop/p/allow', origins: [] } };
}

/** A Strict HTTP port that admits everybody. */
export function inboundPortOf(parts: Partial<InboundPortIr>): InboundPortIr {
  return { protocol: 'http', mtls: 'Strict', http: open, tcp: open, origins: [], ...parts };
}

/** A workload `shop/reviews` with these ports. */
export function inboundOf(ports: readonly InboundPortIr[]): InboundIr {
  const sorted = [...ports].sort((a, b) => (a.port ?? Infinity) - (b.port ?? Infinity));
  return {
    pod: 'shop/reviews',
    namespace: 'shop',
    serviceAccount: 'reviews',
    labels: {},
    ips: ['127.0.0.1'],
    isDraining: false,
    ports: sorted,
  };
}

/** AllowAny by default. */
export function egressOf(parts: Partial<EgressIr>): EgressIr {
  return { mode: 'AllowAny', allow: [], decidedBy: '', origins: [], ...parts };
}

/** Eager, unbounded, nothing opaque. */
export function outboundOf(parts: Partial<OutboundListenerIr>): OutboundListenerIr {
  return {
    layout: 'eager',
    opaquePorts: [],
    httpOnOpaquePorts: [],
    meshCidrs: [],
    egress: egressOf({}),
    ...parts,
  };
}

/** An EDS cluster. */
export function clusterOf(parts: Partial<ClusterIr> & { readonly name: string }): ClusterIr {
  return {
    wire: 'http',
    kind: { kind: 'endpoints' },
    spiffeIds: [],
    connectTimeoutMs: 1000,
    retryBudget: { percent: 20, minConcurrent: 10 },
    connections: {},
    balancing: { algorithm: 'LeastRequest' },
    tls: { inMesh: 'mtls', outside: { kind: 'plaintext' }, origins: [] },
    placement: { locality: 'None', failover: [], isMeshOnly: false, origins: [] },
    standIns: [],
    settings: [],
    origins: [],
    ...parts,
  };
}

/** Forwards to one cluster without retries. */
export function forwardTo(
  cluster: string,
  parts: Partial<Extract<RouteActionIr, { kind: 'forward' }>> = {},
): RouteActionIr {
  return { kind: 'forward', clusters: [{ name: cluster, weight: 1 }], retry: noRetry, ...parts };
}

/** A route that matches everything. */
export function routeOf(action: RouteActionIr, parts: Partial<RouteIr> = {}): RouteIr {
  const unchanged = { set: {}, add: {}, remove: [] };
  return {
    name: 'shop/p/rule',
    match: { headers: [], queryParams: [] },
    action,
    requestHeaders: unchanged,
    responseHeaders: unchanged,
    settings: [],
    origins: [],
    ...parts,
  };
}

/** The virtual host of an address. */
export function virtualHostOf(address: string, routes: readonly RouteIr[]): VirtualHostIr {
  return { name: `http/${address}`, addresses: [address], routes, origins: [] };
}
