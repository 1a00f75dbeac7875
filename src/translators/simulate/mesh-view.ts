/** What a simulated call may look at: the compiled mesh, from one workload's point of view. */
import type {
  ClusterIr,
  EndpointsIr,
  InboundIr,
  OutboundListenerIr,
  OutboundRoutesIr,
  VirtualHostIr,
} from '../../ir/index.js';
import type { Pod, Service } from '../../model/index.js';

/** The compiled mesh. */
export interface MeshView {
  readonly trustDomain: string;
  /** By `namespace/name`. */
  pod(key: string): Pod | undefined;
  /** The pod that owns an address. */
  podByIp(ip: string): Pod | undefined;
  /** By `namespace/name`. */
  service(key: string): Service | undefined;
  serviceByIp(ip: string): Service | undefined;
  /** Pods of which this is the same text are given the same form of every cluster, with the same endpoints. */
  clusterScope(pod: Pod): string;
  outboundListener(pod: Pod): OutboundListenerIr;
  /** Of the address that is called; undefined: no policy speaks of it for this pod. */
  virtualHost(pod: Pod, ip: string, port: number): VirtualHostIr | undefined;
  /** What calls meet that have no virtual host. */
  outboundRoutes(pod: Pod): OutboundRoutesIr;
  /** What the control plane answers when this pod asks for a cluster. */
  cluster(
    pod: Pod,
    name: string,
  ): { readonly cluster: ClusterIr; readonly endpoints?: EndpointsIr } | undefined;
  /** Undefined: the pod has no sidecar. */
  inbound(pod: Pod): InboundIr | undefined;
}
