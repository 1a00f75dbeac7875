/** The Kubernetes objects Skerry reads, reduced to the fields it uses; an object means the same from any source. */
import type { PodKey, ServiceKey, SliceKey } from './ids.js';
import type { Probe } from './probe.js';

/** Labels of an object. */
export type Labels = Readonly<Record<string, string>>;

/** One port of a Service. */
export interface ServicePort {
  /** Empty for the single unnamed port. */
  readonly name: string;
  readonly port: number;
  readonly transport: 'TCP' | 'UDP' | 'SCTP';
  /** A container port's number or name; absent: the same number as `port`. */
  readonly targetPort?: number | string;
  /** What `appProtocol`, or else the port's name (`http`, `grpc-web`, `tcp-x`, …), declares. */
  readonly protocol: PortProtocol;
}

/**
 * What a port carries. `sniff`: nothing declared, Envoy looks at the first bytes.
 * `tcp` covers TLS and server-first protocols: nothing is parsed and nothing waited for.
 */
export type PortProtocol = 'http' | 'http2' | 'grpc' | 'tcp' | 'tls' | 'sniff';

/** A Service. */
export interface Service {
  readonly kind: 'Service';
  readonly key: ServiceKey;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly creationTimestampMs: number;
  /** Virtual IPs, IPv4 or IPv6 in canonical text form; empty when headless or ExternalName. */
  readonly clusterIPs: readonly string[];
  readonly isHeadless: boolean;
  /** Set for ExternalName Services only. */
  readonly externalName?: string;
  readonly selector?: Labels;
  readonly ports: readonly ServicePort[];
  readonly publishNotReadyAddresses: boolean;
  /** `spec.trafficDistribution` asks for endpoints near the caller. */
  readonly prefersNear: boolean;
}

/** One endpoint of an EndpointSlice, as the API has it (absent conditions resolved by its rules). */
export interface SliceEndpoint {
  /** The first address only, as consumers must (discovery/v1). */
  readonly address: string;
  readonly isReady: boolean;
  readonly isServing: boolean;
  readonly isTerminating: boolean;
  readonly zone?: string;
  readonly nodeName?: string;
}

/** An EndpointSlice. */
export interface EndpointSlice {
  readonly kind: 'EndpointSlice';
  readonly key: SliceKey;
  /** From the label `kubernetes.io/service-name`, in the slice's own namespace. */
  readonly service: ServiceKey;
  readonly addressType: 'IPv4' | 'IPv6';
  readonly ports: readonly { readonly name: string; readonly port: number }[];
  readonly endpoints: readonly SliceEndpoint[];
}

/** A named port of a container. */
export interface ContainerPort {
  readonly name?: string;
  readonly port: number;
}

/** A Pod. */
export interface Pod {
  readonly kind: 'Pod';
  readonly key: PodKey;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Decides who has an address that two pods claim; absent counts as oldest. */
  readonly creationTimestampMs?: number;
  readonly labels: Labels;
  readonly serviceAccount: string;
  readonly nodeName?: string;
  /** All of `status.podIPs`, canonical text form. */
  readonly ips: readonly string[];
  /** Has a sidecar: a container named `skerry-proxy`, or the annotation `skerry.dev/sidecar: "true"`. */
  readonly isInMesh: boolean;
  readonly isHostNetwork: boolean;
  /** `metadata.deletionTimestamp` is set. */
  readonly isTerminating: boolean;
  /** Phase Succeeded or Failed: its address may belong to another pod already. */
  readonly isFinished: boolean;
  readonly containerPorts: readonly ContainerPort[];
  /** Ports that callers reach without the sidecar, also where there is one. */
  readonly unredirectedPorts: readonly number[];
  /** Those that the sidecar answers for the kubelet. */
  readonly probes: readonly Probe[];
}

/** A Namespace. */
export interface Namespace {
  readonly kind: 'Namespace';
  readonly name: string;
  readonly labels: Labels;
}

/** A Node, for its zone. */
export interface Node {
  readonly kind: 'Node';
  readonly name: string;
  readonly zone?: string;
}
