/** The collections that decisions read, as handles; pipeline.ts makes them. */
import type { EgressIr } from '../../ir/index.js';
import type { Collection, Lookup } from '../../graph/index.js';
import type {
  CaBundle,
  Credential,
  EndpointSlice,
  KeySet,
  Namespace,
  Node,
  Service,
  ServiceKey,
} from '../../model/index.js';
import type { EgressPolicy } from '../policies/egress/feature.js';
import type { RoutePolicy } from '../policies/routes/feature.js';
import type { InboundPolicy } from './attach.js';
import type { CallerPod, OutboundPolicy } from './attach-outbound.js';
import type {
  EndpointGroup,
  HeadlessAddress,
  ServedPort,
  ServiceIdentities,
} from './endpoint-group.js';
import type { HttpDeclaration } from './outbound-listener.js';
import type { AddressOwner, NamespaceZone, Sidecar, SidecarZone, Workload } from './workload.js';

/** What the outside writes, and the indexes over it. */
export interface SourceTables {
  readonly services: Collection<Service>;
  readonly namespaces: Collection<Namespace>;
  readonly nodes: Collection<Node>;
  /** By KeySetKey. */
  readonly keySets: Collection<KeySet>;
  /** By CaBundleKey. */
  readonly caBundles: Collection<CaBundle>;
  /** By CredentialKey. */
  readonly credentials: Collection<Credential>;
  /** By ServiceKey. */
  readonly slicesByService: Lookup<EndpointSlice>;
  readonly servicesByNamespace: Lookup<Service>;
  /** By virtual IP. */
  readonly servicesByVip: Lookup<Service>;
  /** Virtual IP → key of the Service that has it. */
  readonly vips: Collection<ServiceKey>;
}

/** Pods that can be called, and who has which address. */
export interface WorkloadTables extends SourceTables {
  readonly workloads: Collection<Workload>;
  readonly workloadsByIp: Lookup<Workload>;
  readonly workloadsByNamespace: Lookup<Workload>;
  /** By {@link labelKeys}. */
  readonly workloadsByLabel: Lookup<Workload>;
  /** By IP. */
  readonly owners: Collection<AddressOwner>;
  readonly sidecars: Collection<Sidecar>;
  readonly sidecarsByNamespace: Lookup<Sidecar>;
  readonly sidecarZones: Collection<SidecarZone>;
  /** Those whose zone is not known. */
  readonly zoneless: Collection<SidecarZone>;
  /** Zones that have sidecars, by name. */
  readonly zones: Collection<string>;
  /** Zones that have sidecars of a namespace. */
  readonly zonesByNamespace: Lookup<NamespaceZone>;
}

/** Endpoints, and what follows from them. */
export interface EndpointTables extends WorkloadTables {
  readonly groups: Collection<EndpointGroup>;
  readonly identities: Collection<ServiceIdentities>;
  /** By PodKey. */
  readonly servedByPod: Lookup<ServedPort>;
  /** Endpoints that no pod owns, by `ip:port` → the Service's key. */
  readonly outsideAddresses: Collection<ServiceKey>;
  readonly headless: Collection<HeadlessAddress>;
  /** By ServiceKey. */
  readonly headlessByService: Lookup<HeadlessAddress>;
  /** By `ip:port`. */
  readonly headlessByAddress: Lookup<HeadlessAddress>;
}

/** Policies by what they target, and what was decided from them alone. */
export interface PolicyTables extends EndpointTables {
  /** By {@link targetKeys}. */
  readonly inboundByTarget: Lookup<InboundPolicy>;
  /** By ServiceKey. */
  readonly routesByService: Lookup<RoutePolicy>;
  readonly egressPolicies: Collection<EgressPolicy>;
  /** By {@link targetKeys}. */
  readonly egressByTarget: Lookup<EgressPolicy>;
  readonly outboundPolicies: Collection<OutboundPolicy>;
  /** By {@link targetKeys}. */
  readonly outboundByTarget: Lookup<OutboundPolicy>;
  /** By PodKey, for the pods whose own calls some policy speaks of. */
  readonly callers: Collection<CallerPod>;
  /** By scope, and those of a namespace: who is the same as a caller, once. */
  readonly callerScopes: Collection<CallerPod>;
  readonly callerScopesByNamespace: Lookup<CallerPod>;
  /** By scope. */
  readonly callersByScope: Lookup<CallerPod>;
  /** Those of them whose policies set what routes hold. */
  readonly routeSetters: Collection<Sidecar>;
  readonly routeSettersByNamespace: Lookup<Sidecar>;
}

/** What egress says. */
export interface EgressTables extends PolicyTables {
  /** One row, `mesh`. */
  readonly meshEgress: Collection<EgressIr>;
  /** By namespace, for those with a word of their own. */
  readonly namespaceEgress: Collection<EgressIr>;
}

/** Which port numbers carry TCP. */
export interface ProtocolTables extends EgressTables {
  /** One row, `mesh`: port numbers, sorted. */
  readonly opaquePorts: Collection<readonly number[]>;
  /** By port number as text. */
  readonly httpByPort: Lookup<HttpDeclaration>;
}
