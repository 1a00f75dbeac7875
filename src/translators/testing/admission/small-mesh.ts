/** A mesh of three servers and their callers, as manifests and as a model of it: what random policies speak of. */

/** A container port that a Service leads to. */
export interface ServedPort {
  /** `namespace/name`. */
  readonly service: string;
  readonly portName: string;
  readonly port: number;
  readonly protocol: 'http' | 'tcp';
}

/** A pod that is called. */
export interface Server {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ip: string;
  readonly served: readonly ServedPort[];
}

/** The namespace whose policies speak for the mesh. */
export const rootNamespace = 'skerry-system';

/** Labels of namespaces. */
export const namespaces: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  [rootNamespace]: {},
  red: { env: 'prod', team: 'one' },
  blue: { env: 'dev', team: 'one' },
};

const served = (service: string, portName: string, port: number): ServedPort => ({
  ...{ service, portName, port },
  protocol: portName.startsWith('http') ? 'http' : 'tcp',
});

/** The servers. 9999 is a port that no Service leads to. */
export const servers: readonly Server[] = [
  {
    ...{ namespace: 'red', name: 'app', labels: { app: 'app', tier: 'front' }, ip: '10.66.2.1' },
    served: [
      served('red/app', 'http', 8080),
      served('red/app', 'tcp', 7000),
      // A second Service of the same pod.
      served('red/also', 'http-web', 8080),
      served('red/also', 'tcp-db', 9001),
    ],
  },
  {
    // Nothing of it is HTTP.
    ...{ namespace: 'red', name: 'raw', labels: { app: 'raw', tier: 'back' }, ip: '10.66.2.2' },
    served: [served('red/raw', 'tcp', 7000)],
  },
  {
    ...{ namespace: 'blue', name: 'app', labels: { app: 'app', tier: 'front' }, ip: '10.66.2.3' },
    served: [served('blue/app', 'http', 8080), served('blue/app', 'tcp', 7000)],
  },
];

/** Ports that are called. */
export const calledPorts: readonly number[] = [8080, 7000, 9001, 9999];

function podOf({ namespace, name, labels, ip }: Server): object {
  const annotations = { 'skerry.dev/sidecar': 'true' };
  return {
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: { name, namespace, uid: `uid-${namespace}-${name}`, labels, annotations },
    spec: { serviceAccountName: name, containers: [{ name: 'app', image: 'app' }] },
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
  };
}

function serviceOf(service: string, index: number): readonly object[] {
  const [namespace = '', name = ''] = service.split('/');
  const pods = servers.filter((server) => server.served.some((each) => each.service === service));
  const ports = (pods[0]?.served ?? []).filter((each) => each.service === service);
  const clusterIP = `10.96.0.${String(index + 1)}`;
  return [
    {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace } },
      spec: {
        ...{ clusterIP, clusterIPs: [clusterIP], selector: pods[0]?.labels ?? {} },
        ports: ports.map(({ portName, port }) => ({ name: portName, port, targetPort: port })),
      },
    },
    {
      ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
      metadata: {
        ...{ name: `${name}-1`, namespace },
        labels: { 'kubernetes.io/service-name': name },
      },
      ports: ports.map(({ portName, port }) => ({ name: portName, port, protocol: 'TCP' })),
      endpoints: pods.map(({ ip }) => ({ addresses: [ip], conditions: { ready: true } })),
    },
  ];
}

/** Everything but policies. */
export const meshManifests: readonly object[] = [
  ...Object.entries(namespaces).map(([name, labels]) => ({
    ...{ apiVersion: 'v1', kind: 'Namespace' },
    metadata: { name, labels },
  })),
  ...servers.map(podOf),
  ...[...new Set(servers.flatMap((server) => server.served.map(({ service }) => service)))].flatMap(
    serviceOf,
  ),
];
