/** A mesh of many Services, each with pods, as changes; regular, so that a test can change one thing. */
import {
  podKey,
  serviceKey,
  sliceKey,
  type EndpointSlice,
  type Namespace,
  type Pod,
  type Service,
} from '../../model/index.js';
import type { PipelineChanges } from '../index.js';

/** How large the mesh is. */
export interface LargeMeshOptions {
  readonly services: number;
  readonly podsPerService: number;
  readonly namespaces: number;
  /** The first so many Services' addresses are asked for. */
  readonly demanded: number;
}

/** The namespace of Service number `index`. */
export function namespaceFor(index: number, { namespaces }: LargeMeshOptions): string {
  return `ns-${String(index % namespaces)}`;
}

/** The virtual IP of Service number `index`. */
export function vipFor(index: number): string {
  return `10.96.${String(index >> 8)}.${String(index & 255)}`;
}

/** Service number `index`, with one HTTP port. */
export function largeService(index: number, options: LargeMeshOptions): Service {
  const namespace = namespaceFor(index, options);
  const name = `s-${String(index)}`;
  return {
    kind: 'Service',
    key: serviceKey(namespace, name),
    namespace,
    name,
    labels: {},
    creationTimestampMs: 0,
    clusterIPs: [vipFor(index)],
    isHeadless: false,
    ports: [{ name: 'http', port: 80, transport: 'TCP', targetPort: 8080, protocol: 'http' }],
    publishNotReadyAddresses: false,
    prefersNear: false,
  };
}

/** Pod number `replica` of Service number `index`. */
export function largePod(index: number, replica: number, options: LargeMeshOptions): Pod {
  const namespace = namespaceFor(index, options);
  const name = `s-${String(index)}-${String(replica)}`;
  return {
    kind: 'Pod',
    key: podKey(namespace, name),
    namespace,
    name,
    uid: name,
    labels: { app: `s-${String(index)}` },
    serviceAccount: `s-${String(index)}`,
    ips: [`10.${String(replica + 1)}.${String(index >> 8)}.${String(index & 255)}`],
    isInMesh: true,
    isHostNetwork: false,
    isTerminating: false,
    isFinished: false,
    containerPorts: [],
    unredirectedPorts: [],
    probes: [],
  };
}

/** The slice of Service number `index`; `unready` names the replica that is not ready. */
export function largeSlice(
  index: number,
  options: LargeMeshOptions,
  unready?: number,
): EndpointSlice {
  const namespace = namespaceFor(index, options);
  const replicas = Array.from({ length: options.podsPerService }, (_, replica) => replica);
  return {
    kind: 'EndpointSlice',
    key: sliceKey(namespace, `s-${String(index)}-1`),
    service: serviceKey(namespace, `s-${String(index)}`),
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080 }],
    endpoints: replicas.map((replica) => ({
      address: largePod(index, replica, options).ips[0] ?? '',
      isReady: replica !== unready,
      isServing: replica !== unready,
      isTerminating: false,
    })),
  };
}

/** The whole mesh. */
export function largeMesh(options: LargeMeshOptions): PipelineChanges {
  const services = new Map<string, Service>();
  const slices = new Map<string, EndpointSlice>();
  const pods = new Map<string, Pod>();
  const namespaces = new Map<string, Namespace>();
  const demand = new Map<string, true>();
  for (let index = 0; index < options.services; index += 1) {
    const service = largeService(index, options);
    services.set(service.key, service);
    const slice = largeSlice(index, options);
    slices.set(slice.key, slice);
    namespaces.set(service.namespace, { kind: 'Namespace', name: service.namespace, labels: {} });
    for (let replica = 0; replica < options.podsPerService; replica += 1) {
      const pod = largePod(index, replica, options);
      pods.set(pod.key, pod);
    }
    if (index < options.demanded) demand.set(`http|${vipFor(index)}:80`, true);
  }
  return { services, slices, pods, namespaces, demand };
}
