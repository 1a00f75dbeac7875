/** Pods with a sidecar where the manifests have none, so that what policies make of theirs is judged too. */
import {
  podKey,
  sliceKey,
  type EndpointSlice,
  type Labels,
  type Pod,
  type Service,
  type TrafficPolicy,
} from '../../model/index.js';
import type { SourceChange } from '../../sources/index.js';
import type { PipelineChanges } from '../../translators/index.js';

/** The pods and endpoints that are missing: a caller in each namespace, a server of each Service and target. */
export function standInsFor(changes: readonly SourceChange[]): PipelineChanges {
  const services: Service[] = [];
  const policies: TrafficPolicy[] = [];
  const served = new Set<string>();
  const inMesh = new Map<string, Pod[]>();
  for (const { value } of changes) {
    if (value?.kind === 'Pod' && value.isInMesh) add(inMesh, value);
    if (value?.kind === 'Service') services.push(value);
    if (value?.kind === 'TrafficPolicy') policies.push(value);
    if (value?.kind === 'EndpointSlice') served.add(value.service);
  }
  const pods = new Map<string, Pod>();
  const slices = new Map<string, EndpointSlice>();
  const place = (namespace: string, labels: Labels, service?: Service): void => {
    const wanted = Object.entries(labels);
    const isThere = inMesh
      .get(namespace)
      ?.some((pod) => wanted.every(([name, value]) => pod.labels[name] === value));
    if (isThere === true) return;
    const pod = toPod(namespace, labels, service, pods.size);
    pods.set(pod.key, pod);
    add(inMesh, pod);
    if (service === undefined || service.isHeadless || served.has(service.key)) return;
    const slice = toSlice(service, pod);
    slices.set(slice.key, slice);
  };
  for (const service of services) {
    if (service.selector !== undefined) place(service.namespace, service.selector, service);
  }
  for (const { namespace, targets } of policies) {
    for (const target of targets) if (target.kind === 'Pod') place(namespace, target.selector);
  }
  for (const { namespace } of [...services, ...policies]) place(namespace, {});
  return { pods, slices };
}

function add(pods: Map<string, Pod[]>, pod: Pod): void {
  const listed = pods.get(pod.namespace);
  if (listed === undefined) pods.set(pod.namespace, [pod]);
  else listed.push(pod);
}

/** A pod at an address for benchmarks (RFC 2544), which no real pod has. */
function toPod(
  namespace: string,
  labels: Labels,
  service: Service | undefined,
  index: number,
): Pod {
  const name = `stand-in-${String(index)}`;
  return {
    kind: 'Pod',
    key: podKey(namespace, name),
    namespace,
    name,
    uid: name,
    labels,
    serviceAccount: 'default',
    ips: [`198.18.${String((index >> 8) % 256)}.${String(index % 256)}`],
    isInMesh: true,
    isHostNetwork: false,
    isTerminating: false,
    isFinished: false,
    containerPorts: portsOf(service).map(({ name: port, number }) => ({
      name: port,
      port: number,
    })),
    unredirectedPorts: [],
    probes: [],
  };
}

/** The ports of the app behind a Service; one that is named only gets the Service's number. */
function portsOf(
  service: Service | undefined,
): readonly { readonly name: string; readonly servicePort: string; readonly number: number }[] {
  return (service?.ports ?? [])
    .filter(({ transport }) => transport === 'TCP')
    .map(({ name, port, targetPort }) => ({
      name: typeof targetPort === 'string' ? targetPort : name,
      servicePort: name,
      number: typeof targetPort === 'number' ? targetPort : port,
    }));
}

function toSlice(service: Service, pod: Pod): EndpointSlice {
  return {
    kind: 'EndpointSlice',
    key: sliceKey(service.namespace, pod.name),
    service: service.key,
    addressType: 'IPv4',
    ports: portsOf(service).map(({ servicePort, number }) => ({
      name: servicePort,
      port: number,
    })),
    endpoints: pod.ips.map((address) => ({
      address,
      isReady: true,
      isServing: true,
      isTerminating: false,
    })),
  };
}
