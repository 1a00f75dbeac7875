/** What a simulated call may look at: the compiled mesh, from one workload's point of view. */
import type {
  ClusterIr,
  EndpointsIr,
  InboundIr,
  OutboundListenerIr,
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
  outboundListener(pod: Pod): OutboundListenerIr;
  /** `address` as `10.96.0.3:80`; undefined: no route policy speaks of it for this pod. */
  virtualHost(pod: Pod, address: string): VirtualHostIr | undefined;
  /** What the control plane answers when this pod asks for a cluster. */
  cluster(
    pod: Pod,
    name: string,
  ): { readonly cluster: ClusterIr; readonly endpoints?: EndpointsIr } | undefined;
  /** Undefined: the pod has no sidecar. */
  inbound(pod: Pod): InboundIr | undefined;
}
