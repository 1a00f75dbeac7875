/** Kubernetes YAML of a mesh as large as wanted, written as text: a library would take longer than the bench. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The namespace of what a bench starts. */
export const namespace = 'bench';

/** A Pod of a bench. */
export interface PodText {
  readonly name: string;
  /** Default `bench`, here and below. */
  readonly namespace?: string;
  readonly ip: string;
  readonly serviceAccount: string;
  readonly hasSidecar: boolean;
  /** A program of `demo/apps` that listens on `appPort`; absent: the pod has none. */
  readonly app?: string;
  /** What the program is told beside its port. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The port that apps listen on. */
export const appPort = 8080;

/** A Pod that runs. */
export function podText({ name, ip, serviceAccount, hasSidecar, app, ...more }: PodText): string {
  const env = Object.entries({ PORT: `${appPort}`, ...more.env });
  const variables = env.map(([key, value]) => `{ name: ${key}, value: '${value}' }`);
  return `apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  namespace: ${more.namespace ?? namespace}
  uid: uid-${name}
  creationTimestamp: '2025-01-01T00:00:00Z'
  labels: { app: ${serviceAccount} }
  annotations: { skerry.dev/sidecar: '${hasSidecar}' }
spec:
  serviceAccountName: ${serviceAccount}
  containers:
${
  app === undefined
    ? '    []'
    : `    - name: app
      image: skerry.dev/demo/${app}
      env: [${variables.join(', ')}]
      ports: [{ name: http, containerPort: ${appPort} }]`
}
status: { phase: Running, podIP: ${ip}, podIPs: [{ ip: ${ip} }] }
`;
}

/** A Service with one HTTP port, 80, and a virtual IP. */
export function serviceText(name: string, vip: string, within = namespace): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${within}, creationTimestamp: '2025-01-01T00:00:00Z' }
spec:
  clusterIP: ${vip}
  clusterIPs: [${vip}]
  selector: { app: ${name} }
  ports:
    - { name: http, port: 80, targetPort: ${appPort}, appProtocol: http }
`;
}

/** Its EndpointSlice; all endpoints are ready. */
export function sliceText(service: string, ips: readonly string[], within = namespace): string {
  const endpoints = ips.map(
    (ip) => `  - addresses: [${ip}]
    conditions: { ready: true, serving: true, terminating: false }`,
  );
  return `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: ${service}-1
  namespace: ${within}
  creationTimestamp: '2025-01-01T00:00:00Z'
  labels: { kubernetes.io/service-name: ${service} }
addressType: IPv4
ports:
  - { name: http, port: ${appPort}, protocol: TCP }
endpoints:
${endpoints.join('\n')}
`;
}

/** A TrafficPolicy; `spec` in YAML's flow style. */
export function policyText(name: string, spec: string): string {
  return `apiVersion: skerry.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: ${name}, namespace: ${namespace}, creationTimestamp: '2025-01-01T00:00:00Z' }
spec: ${spec}
`;
}

/** One file of several objects. */
export function documents(...texts: readonly string[]): string {
  return texts.join('---\n');
}

/** A Namespace. */
export function namespaceText(name = namespace): string {
  return `apiVersion: v1
kind: Namespace
metadata: { name: ${name}, creationTimestamp: '2025-01-01T00:00:00Z' }
`;
}

const podsPerService = 3;
/** The service account of the pods of all Services. */
export const bulkServiceAccount = 'app';

/** The virtual IP of Service number `index`, from 10.96.1.0 on. */
export function bulkVip(index: number): string {
  return `10.96.${1 + (index >> 8)}.${index & 255}`;
}

/** The addresses of its three pods, from 10.66.8.0 on. */
export function bulkPodIps(index: number): readonly string[] {
  return Array.from({ length: podsPerService }, (_, replica) => {
    const number = index * podsPerService + replica;
    return `10.66.${8 + (number >> 8)}.${number & 255}`;
  });
}

/** Service number `index` with its slice and its meshed pods, in the namespace `within`. */
export function bulkText(index: number, within: string): string {
  const name = `s-${index}`;
  const ips = bulkPodIps(index);
  const pods = ips.map((ip, replica) =>
    podText({
      name: `${name}-${replica}`,
      namespace: within,
      ...{ ip, serviceAccount: bulkServiceAccount, hasSidecar: true },
    }),
  );
  return documents(
    serviceText(name, bulkVip(index), within),
    sliceText(name, ips, within),
    ...pods,
  );
}

/** Services beside those that a bench changes. */
export interface BulkOptions {
  readonly count: number;
  /** `one`: all in the namespace `bench`; `many`: fifty each in namespaces of their own. */
  readonly namespaces: 'one' | 'many';
}

const servicesPerNamespace = 50;

/**
 * Writes Services into `directory`/services, one file each. The rig, which reads the top of a
 * directory only, starts none of their pods and makes no names for them.
 */
export async function writeBulk(
  directory: string,
  { count, namespaces }: BulkOptions,
): Promise<void> {
  const folder = join(directory, 'services');
  await mkdir(folder, { recursive: true });
  const write = (name: string, text: string): Promise<void> =>
    writeFile(join(folder, `${name}.yaml`), text);
  for (let index = 0; index < count; index += 1) {
    const own = `bulk-${Math.floor(index / servicesPerNamespace)}`;
    const within = namespaces === 'one' ? namespace : own;
    await write(`s-${index}`, bulkText(index, within));
    if (within === own && index % servicesPerNamespace === 0) await write(own, namespaceText(own));
  }
}
