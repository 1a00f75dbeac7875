/** What a sidecar does with calls that its app makes: virtual hosts, clusters, endpoints, the outbound listener. */
import type {
  Algorithm,
  EgressEntry,
  FaultSetting,
  HashSetting,
  HeaderChanges,
  Locality,
  PathChange,
  RetryCondition,
  ServiceKey,
  SpiffeId,
  TextMatch,
} from '../model/index.js';
import type { Wire } from './name.js';
import type { Origin, SettingIr } from './origin.js';

/** Tries after the first one; nothing is optional any more. */
export interface RetryIr {
  readonly attempts: number;
  readonly on: readonly RetryCondition[];
  readonly perTryTimeoutMs?: number;
  readonly backoff: { readonly baseMs: number; readonly maxMs: number };
  readonly statusCodes: readonly number[];
}

/** How many retries of one callee may be under way at once. */
export interface RetryBudgetIr {
  /** Of the calls under way, 0 to 100. */
  readonly percent: number;
  /** So many are always allowed. */
  readonly minConcurrent: number;
}

/** What a sidecar bears of one callee; absent: never met by accident. */
export interface ConnectionsIr {
  readonly max?: number;
  readonly maxPending?: number;
  readonly maxRequests?: number;
  readonly maxRequestsPerConnection?: number;
  /** Absent: none is sent. */
  readonly tcpKeepaliveSeconds?: number;
}

/** When an endpoint is left out for a while; at least one reason is there. */
export interface OutlierDetectionIr {
  readonly consecutive5xx?: number;
  readonly consecutiveGatewayErrors?: number;
  readonly successRate?: {
    readonly minimumHosts: number;
    readonly requestVolume: number;
    readonly stdevFactor: number;
  };
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectedPercent: number;
}

/** How an endpoint is chosen. */
export interface BalancingIr {
  readonly algorithm: Algorithm;
  /** With RingHash and Maglev only; absent: at random. */
  readonly hashOn?: HashSetting;
  /** With LeastRequest and RoundRobin only. */
  readonly slowStartMs?: number;
}

/** What connections to endpoints outside the mesh are. */
export type OutsideTlsIr =
  | { readonly kind: 'plaintext' }
  /** None is made. */
  | { readonly kind: 'refused' }
  | {
      readonly kind: 'origination';
      /** Asked for, and proved by the server. */
      readonly serverName: string;
      /** Who may have signed it, in PEM. */
      readonly caPem: string;
      /** The SDS name of the certificate that is shown; absent: none is. */
      readonly credential?: string;
    };

/** What the connections of a cluster are. */
export interface ClusterTlsIr {
  /** To endpoints in the mesh. */
  readonly inMesh: 'mtls' | 'plaintext';
  /** To all others. */
  readonly outside: OutsideTlsIr;
  /** Who decided it. */
  readonly origins: readonly Origin[];
}

/** In which order groups of endpoints are used. */
export interface PlacementIr {
  /** Of a caller whose zone is known; to others every endpoint is the same. */
  readonly locality: Locality;
  /** Services that stand in, in order, with the name of a cluster of their endpoints. */
  readonly failover: readonly { readonly service: ServiceKey; readonly cluster: string }[];
  /** Endpoints outside the mesh are left out. */
  readonly isMeshOnly: boolean;
  /** Who decided it. */
  readonly origins: readonly Origin[];
}

/** Which requests a route takes; all fields hold together. */
export interface RouteMatchIr {
  readonly path?: {
    readonly type: 'Exact' | 'PathPrefix' | 'RegularExpression';
    readonly value: string;
  };
  readonly method?: string;
  readonly headers: readonly (TextMatch & { readonly name: string })[];
  readonly queryParams: readonly (TextMatch & { readonly name: string })[];
}

/** What a route does with a request. */
export type RouteActionIr =
  | {
      readonly kind: 'forward';
      /** Cluster names with weights greater than 0; the sum is not 0. None: the cluster of the address called. */
      readonly clusters: readonly { readonly name: string; readonly weight: number }[];
      readonly rewritePath?: PathChange;
      readonly rewriteHost?: string;
      readonly mirror?: { readonly cluster: string; readonly percent: number };
      /** What happens to a share of the calls before they are forwarded. */
      readonly fault?: FaultSetting;
      /** Absent: no request timeout. */
      readonly timeoutMs?: number;
      readonly retry: RetryIr;
    }
  | {
      readonly kind: 'redirect';
      readonly scheme?: 'http' | 'https';
      readonly hostname?: string;
      readonly path?: PathChange;
      readonly port?: number;
      readonly statusCode: 301 | 302 | 303 | 307 | 308;
    }
  /** Answered by the sidecar itself. */
  | { readonly kind: 'respond'; readonly status: number; readonly body: string };

/** One route. */
export interface RouteIr {
  /** `namespace/policy/rule`. */
  readonly name: string;
  readonly match: RouteMatchIr;
  readonly action: RouteActionIr;
  readonly requestHeaders: HeaderChanges;
  readonly responseHeaders: HeaderChanges;
  readonly settings: readonly SettingIr[];
  readonly origins: readonly Origin[];
}

/** The routes of calls to some addresses; the last route takes everything. */
export interface VirtualHostIr {
  /** Resource name: `http/`, since the RouteConfiguration is called `http`, and a text without a slash. */
  readonly name: string;
  /** `10.96.0.3:80`: what the app called; `10.96.0.3:*`: every port of it that has no host of its own. */
  readonly addresses: readonly string[];
  readonly routes: readonly RouteIr[];
  readonly origins: readonly Origin[];
}

/** The one route configuration of the app's HTTP calls: what holds where no virtual host does. */
export interface OutboundRoutesIr {
  readonly route: RouteIr;
}

/** Where a cluster's connections go. */
export type ClusterKindIr =
  /** To the endpoints pushed by EDS under the cluster's own name. */
  | { readonly kind: 'endpoints' }
  /** To the address that was called, whatever it is, in plaintext. */
  | { readonly kind: 'passthrough' }
  /** Nowhere: refused at once. */
  | { readonly kind: 'refuse' }
  /** To a host that Envoy resolves itself (ExternalName). */
  | { readonly kind: 'dns'; readonly hostname: string; readonly port: number };

/** One upstream cluster. */
export interface ClusterIr {
  readonly name: string;
  readonly wire: Wire;
  readonly kind: ClusterKindIr;
  /** The identities that may answer behind mTLS, sorted; used for endpoints that are in the mesh. */
  readonly spiffeIds: readonly SpiffeId[];
  readonly connectTimeoutMs: number;
  /** When an idle HTTP connection is closed; absent: after the default. */
  readonly idleTimeoutMs?: number;
  readonly retryBudget: RetryBudgetIr;
  readonly connections: ConnectionsIr;
  /** Absent: no endpoint is left out. */
  readonly outlierDetection?: OutlierDetectionIr;
  readonly balancing: BalancingIr;
  readonly tls: ClusterTlsIr;
  readonly placement: PlacementIr;
  /** Of each Service that stands in: who may answer behind mTLS for it, and for it alone. */
  readonly standIns: readonly {
    readonly service: ServiceKey;
    readonly spiffeIds: readonly SpiffeId[];
  }[];
  /** What policies have decided of it; their origins are the cluster's too. */
  readonly settings: readonly SettingIr[];
  readonly origins: readonly Origin[];
}

/** One endpoint address. */
export interface EndpointIr {
  readonly ip: string;
  readonly port: number;
  /**
   * `draining`: terminating but still serving, used when nothing healthy is left. `unready`: gets no
   * call, and counts when calls spill over to the next group.
   */
  readonly health: 'healthy' | 'draining' | 'unready';
  /** Speaks mesh mTLS (the Pod that owns the address has a sidecar). */
  readonly isInMesh: boolean;
  /** The Service that it belongs to where it stands in for the one that was called. */
  readonly standsInAs?: ServiceKey;
}

/** Endpoints that are used alike, by zone; order is canonical. */
export interface EndpointGroupIr {
  /** Which ones they are, in words; empty where there is one group of all. */
  readonly says: string;
  readonly localities: readonly {
    /** Empty when unknown. */
    readonly zone: string;
    readonly endpoints: readonly EndpointIr[];
  }[];
}

/** The endpoints of one cluster: a later group is used as the healthy ones of those before run out. */
export interface EndpointsIr {
  readonly cluster: string;
  readonly groups: readonly EndpointGroupIr[];
  readonly origins: readonly Origin[];
}

/** What happens to calls to addresses that nobody in the mesh has. */
export interface EgressIr {
  readonly mode: 'AllowAny' | 'KnownOnly';
  /** What passes under KnownOnly; empty under AllowAny. */
  readonly allow: readonly EgressEntry[];
  /** The policy that has set the mode, `namespace/name`, for logs and answers; empty: the default holds. */
  readonly decidedBy: string;
  readonly origins: readonly Origin[];
}

/** The one outbound listener. */
export interface OutboundListenerIr {
  /** `on-demand`: clusters are fetched at first use; `eager`: all are there, none is asked for. */
  readonly layout: 'on-demand' | 'eager';
  /** Port numbers whose connections are not inspected, because some Service declares TCP there; sorted. */
  readonly opaquePorts: readonly number[];
  /** Declared-HTTP addresses on opaque ports: parsed as HTTP all the same. By port, IPs sorted. */
  readonly httpOnOpaquePorts: readonly { readonly port: number; readonly ips: readonly string[] }[];
  /** CIDRs of Services and pods; empty: every address may be the mesh's. */
  readonly meshCidrs: readonly string[];
  /** What happens to addresses outside `meshCidrs`. */
  readonly egress: EgressIr;
}
