/** What goes into the pipeline and what comes out of it. */
import type { Failure } from '../graph/index.js';
import type { InboundIr, OutboundListenerIr, Scope, VirtualHostIr } from '../ir/index.js';
import type {
  CaBundle,
  Credential,
  Diagnostic,
  EndpointSlice,
  KeySet,
  Namespace,
  Node,
  Pod,
  PodKey,
  PolicyKey,
  RefusedPolicy,
  Service,
  TrafficPolicy,
} from '../model/index.js';
import type { PolicyReach } from './policy-reach.js';
import type { ScopedResource } from './scoped-resource.js';
import type { MeshView } from './simulate/mesh-view.js';
import type { Sidecar } from './to-ir/workload.js';

/** What is fixed for the life of a pipeline. */
export interface PipelineSettings {
  readonly trustDomain: string;
  /** The namespace whose policies may speak for others. */
  readonly rootNamespace: string;
  readonly layout: OutboundListenerIr['layout'];
  /** CIDRs of Services and pods; empty: every address may be the mesh's. */
  readonly meshCidrs: readonly string[];
  readonly accessLog: 'Off' | 'Errors' | 'All';
  /** The suffix of the cluster's DNS names. */
  readonly clusterDomain: string;
}

/** Rows set (value) or removed (undefined), by source; keys as in model/ids. */
export interface PipelineChanges {
  readonly services?: ReadonlyMap<string, Service | undefined>;
  readonly slices?: ReadonlyMap<string, EndpointSlice | undefined>;
  readonly pods?: ReadonlyMap<string, Pod | undefined>;
  /** By name. */
  readonly namespaces?: ReadonlyMap<string, Namespace | undefined>;
  /** By name. */
  readonly nodes?: ReadonlyMap<string, Node | undefined>;
  /** By KeySetKey. */
  readonly keySets?: ReadonlyMap<string, KeySet | undefined>;
  /** By CaBundleKey. */
  readonly caBundles?: ReadonlyMap<string, CaBundle | undefined>;
  /** By CredentialKey. */
  readonly credentials?: ReadonlyMap<string, Credential | undefined>;
  /** The form in force of each policy. */
  readonly policies?: ReadonlyMap<string, TrafficPolicy | RefusedPolicy | undefined>;
  /** Cluster names that some sidecar asks for. */
  readonly demand?: ReadonlyMap<string, true | undefined>;
  /** `<namespace>|<cluster name>` that some sidecar of that namespace asks for. */
  readonly namespaceDemand?: ReadonlyMap<string, true | undefined>;
}

/** All findings about one object; none: nothing is wrong any more. */
export interface DiagnosticChange {
  /** `Kind namespace/name`. */
  readonly object: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** A pod that has, or no longer has, a sidecar. */
export interface WorkloadChange {
  /** PodKey. */
  readonly pod: string;
  /** Absent: gone. */
  readonly sidecar?: Sidecar;
}

/** What one batch of changes led to. */
export interface PipelineResult {
  /** Counts batches from 1. */
  readonly generation: number;
  /** Clusters first, then endpoints, listeners, routes, virtual hosts. */
  readonly resources: readonly ScopedResource[];
  readonly diagnostics: readonly DiagnosticChange[];
  readonly workloads: readonly WorkloadChange[];
  /** Rows whose function threw, a bug; what they had yielded before stays in force. */
  readonly failures: readonly Failure[];
  /** How many rows were rerun, by collection. */
  readonly reruns: ReadonlyMap<string, number>;
}

/** The compiler of the mesh. Mutable: it holds the state of the graph. */
export interface Pipeline {
  readonly settings: PipelineSettings;
  /** Applies a batch and returns what changed. */
  apply(changes: PipelineChanges): PipelineResult;
  /** The compiled mesh as simulated calls see it. */
  readonly view: MeshView;
  /** Everything that is wrong now, by object. */
  diagnostics(): ReadonlyMap<string, readonly Diagnostic[]>;
  /** Every pod with a sidecar. */
  workloads(): ReadonlyMap<string, Sidecar>;
  /** Whom a policy reaches, as servers or as callers. */
  reach(policy: PolicyKey): PolicyReach;
  /** The sidecars of its reach, sorted; walks over all sidecars. */
  reached(policy: PolicyKey): readonly PodKey[];
  /** The policies that reach a pod by itself, not by its namespace; sorted. */
  policiesOf(pod: PodKey): readonly PolicyKey[];
  /** The scopes that a pod's sidecar sees, from far to near. */
  scopes(pod: PodKey): readonly Scope[];
  /** What a sidecar's scopes hold, the nearest of each name; demanded resources included. */
  resources(pod: PodKey): readonly ScopedResource[];
  /** The virtual hosts that a sidecar sees, by address. */
  virtualHosts(pod: PodKey): readonly VirtualHostIr[];
  inbound(pod: PodKey): InboundIr | undefined;
}
