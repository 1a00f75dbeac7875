/** The collections of the mesh that are written or read from outside, as handles. */
import type { Collection, Graph, Lookup, Source } from '../graph/index.js';
import type { ClusterIr, EndpointsIr, OutboundListenerIr, OutboundRoutesIr } from '../ir/index.js';
import type {
  CaBundle,
  Credential,
  Diagnostic,
  EndpointSlice,
  KeySet,
  Namespace,
  Node,
  Pod,
  Service,
} from '../model/index.js';
import type { PipelineSettings } from './pipeline-contract.js';
import type { Scoped, ScopedResource } from './scoped-resource.js';
import type { PolicyForm } from './to-ir/attach.js';
import type { CallerPod } from './to-ir/attach-outbound.js';
import type { CalledHost } from './to-ir/called-host.js';
import type { ClassDecision } from './to-ir/inbound.js';
import type { InboundDecision } from './to-ir/inbound-class.js';
import type { DestinationTables } from './to-ir/endpoints.js';
import type { ProtocolTables } from './to-ir/tables.js';
import type { VirtualHostDecision } from './to-ir/virtual-host.js';
import type { Wanted } from './wanted.js';

/** What the outside writes. */
export interface PipelineSources {
  readonly services: Source<Service>;
  readonly slices: Source<EndpointSlice>;
  readonly pods: Source<Pod>;
  readonly namespaces: Source<Namespace>;
  readonly nodes: Source<Node>;
  readonly keySets: Source<KeySet>;
  readonly caBundles: Source<CaBundle>;
  readonly credentials: Source<Credential>;
  readonly policies: Source<PolicyForm>;
  readonly demand: Source<true>;
  readonly namespaceDemand: Source<true>;
  /** Names that are answered for a reader, and sent to nobody. */
  readonly probes: Source<true>;
  /** One row, `mesh`: what does not depend on any object starts here. */
  readonly constants: Source<true>;
}

/** Clusters of one origin with their endpoints; keys are scopedKey's, and names where all is the mesh's. */
export interface ClusterFamily {
  readonly clusters: Collection<Scoped<ClusterIr>>;
  /** Absent: none of them has endpoints. */
  readonly endpoints?: Collection<Scoped<EndpointsIr>>;
}

/** Endpoints in an order of their own; keys are placedKey's. */
export interface PlacedEndpoints extends Scoped<EndpointsIr> {
  /** The order depends on the zone. */
  readonly isByZone: boolean;
  /** Of the callers whom they are for; absent: those whose zone is not known, or where none matters, all. */
  readonly zone?: string;
}

/** The graph with the collections that are read from outside. */
export interface Mesh {
  readonly graph: Graph;
  readonly sources: PipelineSources;
  readonly tables: ProtocolTables;
  readonly servers: Collection<InboundDecision>;
  /** By PolicyKey: the workloads that it reaches. */
  readonly serversByPolicy: Lookup<InboundDecision>;
  readonly hosts: Collection<CalledHost>;
  /** By PolicyKey. */
  readonly hostsByPolicy: Lookup<CalledHost>;
  /** By PolicyKey: the pods of whose own calls it speaks. */
  readonly callersByPolicy: Lookup<CallerPod>;
  readonly virtualHosts: Collection<VirtualHostDecision>;
  /** By scopedKey of their names: hosts of whole namespaces. */
  readonly namespaceHosts: Collection<VirtualHostDecision>;
  /** For the mesh, and by PodKey for sidecars with settings of their own. */
  readonly outboundRoutes: readonly [
    Collection<Scoped<OutboundRoutesIr>>,
    Collection<Scoped<OutboundRoutesIr>>,
  ];
  /** For the mesh, and by namespace for those with an egress policy. */
  readonly outbound: readonly [
    Collection<Scoped<OutboundListenerIr>>,
    Collection<Scoped<OutboundListenerIr>>,
  ];
  /** No name of a scope stands in two, nor in one of `byCaller`. */
  readonly families: readonly ClusterFamily[];
  /** Clusters that some callers have in another form, by scopedKey; a scope may be shared by callers. */
  readonly byCaller: readonly ClusterFamily['clusters'][];
  /** Endpoints of clusters of both, for some callers, nearer than what families have. */
  readonly placed: readonly Collection<PlacedEndpoints>[];
  /** Names that virtual hosts and the verification of tokens need where they stand. */
  readonly routed: readonly Collection<Wanted>[];
  readonly probed: ClusterFamily;
  /** Encoded, in the order in which they are handed out. */
  readonly encoded: readonly Collection<ScopedResource>[];
  /** By kind, and then by key. */
  readonly diagnostics: readonly {
    readonly kind: string;
    readonly rows: Collection<readonly Diagnostic[]>;
  }[];
}

/** What most definitions need. */
export interface MeshContext {
  readonly graph: Graph;
  readonly sources: PipelineSources;
  readonly tables: ProtocolTables & DestinationTables;
  readonly settings: PipelineSettings;
  readonly servers: Collection<InboundDecision>;
  /** By class key. */
  readonly classDecisions: Collection<ClassDecision>;
  /** The class key of each sidecar's pod. */
  readonly classKeys: Collection<string>;
  readonly virtualHosts: Collection<VirtualHostDecision>;
  readonly namespaceHosts: Mesh['namespaceHosts'];
  readonly outboundRoutes: Mesh['outboundRoutes'];
}
