/** The mesh of the bench of requests: a caller and a server with sidecars, and the same two without, twice. */
import { documents, namespace, namespaceText, podText } from '../manifests.js';

/** One way in which an app speaks to another. */
export interface Protocol {
  readonly name: string;
  /** Of the Service. */
  readonly port: number;
  /** Of the load tool's server. */
  readonly targetPort: number;
  readonly appProtocol: string;
  /** What the load tool is told beside rate and time, for the server at `address` (`host:port`). */
  readonly load: (address: string) => readonly string[];
}

const responseBytes = 1000;

/** The one by which an Envoy is asked whether it passes anything on yet. */
export const http1: Protocol = {
  name: 'HTTP/1.1',
  ...{ port: 80, targetPort: 8080, appProtocol: 'http' },
  load: (address) => [`http://${address}/?size=${responseBytes}`],
};

/** The protocols, in the order in which they are measured. */
export const protocols: readonly Protocol[] = [
  http1,
  {
    name: 'HTTP/2',
    ...{ port: 81, targetPort: 8080, appProtocol: 'kubernetes.io/h2c' },
    load: (address) => ['-h2', `http://${address}/?size=${responseBytes}`],
  },
  {
    name: 'gRPC',
    ...{ port: 82, targetPort: 8079, appProtocol: 'grpc' },
    load: (address) => ['-grpc', address],
  },
  {
    name: 'TCP',
    ...{ port: 83, targetPort: 8078, appProtocol: 'tcp' },
    load: (address) => ['-payload-size', `${responseBytes}`, `tcp://${address}`],
  },
];

/** Without anything between, through two bare Envoys, and with sidecars. */
export const sides = ['plain', 'bare', 'mesh'] as const;
export type Side = (typeof sides)[number];

/** The pods of a side, `namespace/name`. */
export function podsOf(side: Side): { readonly caller: string; readonly server: string } {
  return { caller: `${namespace}/${side}-caller`, server: `${namespace}/${side}-server` };
}

const addresses = {
  plain: { vip: '10.96.0.10', caller: '10.66.1.1', server: '10.66.1.2' },
  mesh: { vip: '10.96.0.11', caller: '10.66.1.3', server: '10.66.1.4' },
  bare: { vip: '10.96.0.12', caller: '10.66.1.5', server: '10.66.1.6' },
} as const;

/** The whole directory. */
export function requestMesh(): string {
  return documents(namespaceText(), ...sides.flatMap(sideTexts), strictText);
}

function sideTexts(side: Side): readonly string[] {
  const { vip, caller, server } = addresses[side];
  const hasSidecar = side === 'mesh';
  const names = [`${side}-caller`, `${side}-server`] as const;
  return [
    podText({ name: names[0], ip: caller, serviceAccount: names[0], hasSidecar }),
    podText({ name: names[1], ip: server, serviceAccount: names[1], hasSidecar }),
    manyPortsText(names[1], vip),
    manyEndpointsText(names[1], server),
  ];
}

function manyPortsText(name: string, vip: string): string {
  const ports = protocols.map(
    ({ port, targetPort, appProtocol }) =>
      `    - { name: p${port}, port: ${port}, targetPort: ${targetPort}, appProtocol: ${appProtocol} }`,
  );
  return `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace}, creationTimestamp: '2025-01-01T00:00:00Z' }
spec:
  clusterIP: ${vip}
  clusterIPs: [${vip}]
  selector: { app: ${name} }
  ports:
${ports.join('\n')}
`;
}

function manyEndpointsText(name: string, ip: string): string {
  const ports = protocols.map(
    ({ port, targetPort }) => `  - { name: p${port}, port: ${targetPort}, protocol: TCP }`,
  );
  return `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: ${name}-1
  namespace: ${namespace}
  creationTimestamp: '2025-01-01T00:00:00Z'
  labels: { kubernetes.io/service-name: ${name} }
addressType: IPv4
ports:
${ports.join('\n')}
endpoints:
  - addresses: [${ip}]
    conditions: { ready: true, serving: true, terminating: false }
`;
}

/** Every connection that reaches the server is mutual TLS, or it is refused and the bench fails. */
const strictText = `apiVersion: skerry.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: strict, namespace: ${namespace}, creationTimestamp: '2025-01-01T00:00:00Z' }
spec:
  targetRefs: [{ kind: Pod, selector: { matchLabels: { app: mesh-server } } }]
  inbound: { mtls: { mode: Strict } }
`;
