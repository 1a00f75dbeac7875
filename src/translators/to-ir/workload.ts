/** Pods that can be called, who owns which address, and which pods have a sidecar. */
import type { Read } from '../../graph/index.js';
import {
  spiffeId,
  type ContainerPort,
  type Labels,
  type Pod,
  type PodKey,
  type SpiffeId,
} from '../../model/index.js';
import { labelKey } from './labels.js';
import type { WorkloadTables } from './tables.js';

/** A pod that has addresses of its own. */
export interface Workload {
  readonly pod: PodKey;
  readonly namespace: string;
  readonly labels: Labels;
  readonly spiffeId: SpiffeId;
  readonly ips: readonly string[];
  readonly isInMesh: boolean;
  readonly isTerminating: boolean;
  readonly creationTimestampMs: number;
  readonly containerPorts: readonly ContainerPort[];
  readonly unredirectedPorts: readonly number[];
}

/** What an address is, by the pod that owns it. */
export interface AddressOwner {
  readonly pod: PodKey;
  readonly spiffeId: SpiffeId;
  readonly isInMesh: boolean;
  readonly isTerminating: boolean;
  readonly unredirectedPorts: readonly number[];
}

/** A pod with a sidecar: who is configured. */
export interface Sidecar {
  readonly pod: PodKey;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly serviceAccount: string;
  readonly spiffeId: SpiffeId;
  readonly labels: Labels;
  readonly ips: readonly string[];
  readonly isTerminating: boolean;
  readonly nodeName?: string;
  /** Its Node's; absent when that is not known. */
  readonly zone?: string;
}

/** Where a sidecar is. */
export type SidecarZone = Pick<Sidecar, 'pod' | 'namespace' | 'labels' | 'zone'>;

/** A zone in which a namespace has sidecars. */
export interface NamespaceZone {
  readonly namespace: string;
  readonly zone: string;
}

/** Undefined for pods that have no address of their own (finished, or on the host's network). */
export function toWorkload(pod: Pod, trustDomain: string): Workload | undefined {
  if (pod.isFinished || pod.isHostNetwork) return undefined;
  return {
    pod: pod.key,
    namespace: pod.namespace,
    labels: pod.labels,
    spiffeId: spiffeId(trustDomain, pod.namespace, pod.serviceAccount),
    ips: pod.ips,
    isInMesh: pod.isInMesh,
    isTerminating: pod.isTerminating,
    creationTimestampMs: pod.creationTimestampMs ?? 0,
    containerPorts: pod.containerPorts,
    unredirectedPorts: pod.unredirectedPorts,
  };
}

/** Undefined for pods without a sidecar. */
export function toSidecar(
  pod: Pod,
  trustDomain: string,
  read: Read,
  tables: Pick<WorkloadTables, 'nodes'>,
): Sidecar | undefined {
  if (pod.isFinished || pod.isHostNetwork || !pod.isInMesh) return undefined;
  const zone = pod.nodeName === undefined ? undefined : read.get(tables.nodes, pod.nodeName)?.zone;
  return {
    pod: pod.key,
    namespace: pod.namespace,
    name: pod.name,
    uid: pod.uid,
    serviceAccount: pod.serviceAccount,
    spiffeId: spiffeId(trustDomain, pod.namespace, pod.serviceAccount),
    labels: pod.labels,
    ips: pod.ips,
    isTerminating: pod.isTerminating,
    ...(pod.nodeName === undefined ? {} : { nodeName: pod.nodeName }),
    ...(zone === undefined ? {} : { zone }),
  };
}

/** The workload that has `ip`: one that is not terminating before one that is, then the older one. */
export function ownerOf(
  read: Read,
  tables: Pick<WorkloadTables, 'workloadsByIp'>,
  ip: string,
): Workload | undefined {
  return [...read.find(tables.workloadsByIp, ip)].sort(byClaim)[0];
}

function byClaim(a: Workload, b: Workload): number {
  if (a.isTerminating !== b.isTerminating) return a.isTerminating ? 1 : -1;
  if (a.creationTimestampMs !== b.creationTimestampMs) {
    return a.creationTimestampMs - b.creationTimestampMs;
  }
  return a.pod < b.pod ? -1 : 1;
}

/** Index keys of a workload, one for each of its labels. */
export function labelKeys({ namespace, labels }: Workload): readonly string[] {
  return Object.entries(labels).map(([key, value]) => labelKey(namespace, key, value));
}

/** The part of a workload that its address stands for. */
export function toAddressOwner(workload: Workload | undefined): AddressOwner | undefined {
  if (workload === undefined) return undefined;
  return {
    pod: workload.pod,
    spiffeId: workload.spiffeId,
    isInMesh: workload.isInMesh,
    isTerminating: workload.isTerminating,
    unredirectedPorts: workload.unredirectedPorts,
  };
}

/** Whether what comes to this port of the pod comes to its sidecar. */
export function hasSidecarAt(
  owner: Pick<AddressOwner, 'isInMesh' | 'unredirectedPorts'>,
  port: number,
): boolean {
  return owner.isInMesh && !owner.unredirectedPorts.includes(port);
}

/** The part of a sidecar that says where it is. */
export function toSidecarZone({ pod, namespace, labels, zone }: Sidecar): SidecarZone {
  return { pod, namespace, labels, ...(zone === undefined ? {} : { zone }) };
}
