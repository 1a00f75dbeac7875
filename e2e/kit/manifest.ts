/** Writes Kubernetes objects as manifests; JSON is YAML. */
import { randomUUID } from 'node:crypto';

/**
 * The text of a file with these objects. It begins with a marker: kubectl before 1.33 takes what begins
 * with a brace for JSON, and finds no second object in it.
 */
export function manifest(...objects: readonly object[]): string {
  return objects.map((object) => `---\n${JSON.stringify(object, null, 2)}\n`).join('');
}

/** A TrafficPolicy. `key` is `namespace/name`. */
export function trafficPolicy(key: string, spec: object): object {
  const [namespace, name] = key.split('/');
  return {
    apiVersion: 'skerry.dev/v1alpha1',
    kind: 'TrafficPolicy',
    metadata: { name, namespace },
    spec,
  };
}

/** A running pod `namespace/name` of the mesh with the demo's HTTP server on 8080, and the service account of its name. */
export function httpServerPod(key: string, { ip, app }: { ip: string; app: string }): object {
  const [namespace, name = ''] = key.split('/');
  const env = [
    { name: 'SERVICE', value: app },
    { name: 'PORT', value: '8080' },
  ];
  return {
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: {
      ...{ name, namespace, uid: randomUUID(), labels: { app } },
      annotations: { 'skerry.dev/sidecar': 'true' },
    },
    spec: {
      serviceAccountName: name,
      containers: [
        {
          ...{ name: 'app', image: 'skerry.dev/demo/http-server', env },
          ports: [{ name: 'http', containerPort: 8080 }],
        },
      ],
    },
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
  };
}

/** An address of an EndpointSlice with its conditions. */
export interface EndpointEntry {
  readonly ip: string;
  readonly zone?: string;
  readonly conditions?: {
    readonly ready?: boolean;
    readonly serving?: boolean;
    readonly terminating?: boolean;
  };
}

/** An EndpointSlice of the Service `namespace/name` with one port. */
export function endpointSlice(options: {
  readonly service: string;
  readonly port: { readonly name: string; readonly port: number };
  readonly endpoints: readonly EndpointEntry[];
}): object {
  const [namespace, name = ''] = options.service.split('/');
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-1`,
      namespace,
      labels: { 'kubernetes.io/service-name': name },
    },
    addressType: 'IPv4',
    ports: [{ ...options.port, protocol: 'TCP' }],
    endpoints: options.endpoints.map(({ ip, zone, conditions = { ready: true } }) => ({
      addresses: [ip],
      conditions,
      ...(zone === undefined ? {} : { zone }),
    })),
  };
}
