/** Objects of a mesh as large as wanted, as an API server takes them. */

const servicesPerNamespace = 50;
const port = 8080;

/** The namespace of Service number `index`: fifty share one. */
export function defaultNamespaceOf(index: number): string {
  return `bulk-${String(Math.floor(index / servicesPerNamespace))}`;
}

/** Its name. */
export function serviceNameOf(index: number): string {
  return `s-${String(index)}`;
}

/** Its virtual IP, from 10.96.1.0 on. */
export function vipOf(index: number): string {
  return `10.96.${String(1 + (index >> 8))}.${String(index & 255)}`;
}

/** The address of endpoint `replica` of `endpoints`, from 10.128.0.0 on. */
export function podIpOf(index: number, replica: number, endpoints: number): string {
  const number = index * endpoints + replica;
  return `10.${String(128 + (number >> 16))}.${String((number >> 8) & 255)}.${String(number & 255)}`;
}

/** The Service. */
export function serviceObject(index: number): unknown {
  const [name, clusterIP] = [serviceNameOf(index), vipOf(index)];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: defaultNamespaceOf(index) },
    spec: {
      clusterIP,
      selector: { app: name },
      ports: [{ name: 'http', port: 80, targetPort: port, appProtocol: 'http' }],
    },
  };
}

/** What of a slice varies. */
export interface SliceContent {
  readonly endpoints: number;
  /** The first endpoint's address is this one instead. */
  readonly firstIp?: string;
}

/** Its EndpointSlice; all endpoints are ready. */
export function sliceObject(index: number, { endpoints, firstIp }: SliceContent): unknown {
  const service = serviceNameOf(index);
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${service}-1`,
      namespace: defaultNamespaceOf(index),
      labels: { 'kubernetes.io/service-name': service },
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', port, protocol: 'TCP' }],
    endpoints: Array.from({ length: endpoints }, (_, replica) => ({
      addresses: [(replica === 0 ? firstIp : undefined) ?? podIpOf(index, replica, endpoints)],
      conditions: { ready: true, serving: true, terminating: false },
    })),
  };
}

/** A Pod, and the status that only an update of its own can set. */
export interface PodObject {
  readonly object: {
    readonly metadata: {
      readonly name: string;
      readonly namespace: string;
      readonly [field: string]: unknown;
    };
    readonly [field: string]: unknown;
  };
  readonly status: unknown;
}

/** One of its meshed pods. */
export function podObject(index: number, replica: number, endpoints: number): PodObject {
  const service = serviceNameOf(index);
  const ip = podIpOf(index, replica, endpoints);
  return {
    object: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `${service}-${String(replica)}`,
        namespace: defaultNamespaceOf(index),
        labels: { app: service },
        annotations: { 'skerry.dev/sidecar': 'true' },
      },
      spec: {
        serviceAccountName: 'app',
        nodeName: 'node-1',
        // No declared ports: the eager layout then has the Services alone, as other control planes have.
        containers: [{ name: 'app', image: 'app' }],
      },
    },
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
  };
}
