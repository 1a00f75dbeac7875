/** Objects of the model with everything a test does not speak of filled in. */
import {
  podKey,
  policyKey,
  serviceKey,
  sliceKey,
  type CaBundle,
  type Credential,
  type EndpointSlice,
  type Namespace,
  type Pod,
  type RefusedPolicy,
  type Service,
  type TrafficPolicy,
} from '../../model/index.js';
import {
  createPipeline,
  type Pipeline,
  type PipelineChanges,
  type PipelineSettings,
} from '../index.js';

/** A pod with a sidecar, in `shop` unless told otherwise. */
export function aPod(name: string, fields: Partial<Pod> = {}): Pod {
  const namespace = fields.namespace ?? 'shop';
  return {
    kind: 'Pod',
    key: podKey(namespace, name),
    namespace,
    name,
    uid: name,
    labels: {},
    serviceAccount: name,
    ips: [],
    isInMesh: true,
    isHostNetwork: false,
    isTerminating: false,
    isFinished: false,
    containerPorts: [],
    unredirectedPorts: [],
    probes: [],
    ...fields,
  };
}

/** A Service in `shop` with one HTTP port 80. */
export function aService(name: string, fields: Partial<Service> = {}): Service {
  const namespace = fields.namespace ?? 'shop';
  return {
    kind: 'Service',
    key: serviceKey(namespace, name),
    namespace,
    name,
    labels: {},
    creationTimestampMs: 0,
    clusterIPs: ['10.96.0.1'],
    isHeadless: false,
    ports: [{ name: 'http', port: 80, transport: 'TCP', protocol: 'http' }],
    publishNotReadyAddresses: false,
    prefersNear: false,
    ...fields,
  };
}

/** A slice of ready endpoints in `shop` on one port. */
export function aSlice(
  service: string,
  addresses: readonly string[],
  fields: Partial<EndpointSlice> = {},
): EndpointSlice {
  return {
    kind: 'EndpointSlice',
    key: sliceKey('shop', `${service}-1`),
    service: serviceKey('shop', service),
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080 }],
    endpoints: addresses.map((address) => ({
      address,
      isReady: true,
      isServing: true,
      isTerminating: false,
    })),
    ...fields,
  };
}

/** A policy of `shop` on its own namespace, saying nothing. */
export function aPolicy(name: string, fields: Partial<TrafficPolicy> = {}): TrafficPolicy {
  const namespace = fields.namespace ?? 'shop';
  return {
    kind: 'TrafficPolicy',
    key: policyKey(namespace, name),
    namespace,
    name,
    creationTimestampMs: 0,
    hash: name,
    mode: 'Enforce',
    targets: [{ kind: 'Namespace' }],
    ...fields,
  };
}

export type MeshObject =
  Service | EndpointSlice | Pod | Namespace | CaBundle | Credential | TrafficPolicy | RefusedPolicy;

const collectionOf = {
  Service: 'services',
  EndpointSlice: 'slices',
  Pod: 'pods',
  Namespace: 'namespaces',
  CaBundle: 'caBundles',
  Credential: 'credentials',
  TrafficPolicy: 'policies',
  RefusedPolicy: 'policies',
} as const;

/** Objects as one batch. */
export function toBatch(objects: readonly MeshObject[]): PipelineChanges {
  const changes: Record<string, Map<string, MeshObject>> = {};
  for (const object of objects) {
    const key = object.kind === 'Namespace' ? object.name : object.key;
    (changes[collectionOf[object.kind]] ??= new Map()).set(key, object);
  }
  return changes;
}

/** A pipeline that has compiled the objects. */
export function compile(...objects: readonly MeshObject[]): Pipeline {
  return compileWith({}, ...objects);
}

/** The same with other settings. */
export function compileWith(
  settings: Partial<PipelineSettings>,
  ...objects: readonly MeshObject[]
): Pipeline {
  const pipeline = createPipeline({
    trustDomain: 'cluster.local',
    rootNamespace: 'skerry-system',
    layout: 'on-demand',
    meshCidrs: [],
    accessLog: 'Errors',
    clusterDomain: 'cluster.local',
    ...settings,
  });
  const { failures } = pipeline.apply(toBatch(objects));
  for (const { error } of failures) throw error;
  return pipeline;
}
