/** Endpoints that Services of a directory would get, as the EndpointSlice controller gives them. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { sliceKey, type EndpointSlice, type Pod, type Service } from '../../model/index.js';
import type { SourceChange } from '../../sources/index.js';
import { listAt, textAt } from '../cluster/objects.js';

/** TEST-NET-2 (RFC 5737): of nobody, for Services that the API server has not given an address yet. */
const placeholders = '198.51.100.';
const maxPlaceholders = 254;

/** The Service with an address, where it is to have one; undefined: there are too many. */
export function withPlaceholder(service: Service, taken: number): Service | undefined {
  const { clusterIPs, isHeadless, externalName } = service;
  if (clusterIPs.length > 0 || isHeadless || externalName !== undefined) return service;
  if (taken >= maxPlaceholders) return undefined;
  return { ...service, clusterIPs: [`${placeholders}${String(taken + 1)}`] };
}

/** Whether an apply changes who the endpoints of a Service are. */
export function hasOtherEndpoints(former: Service | undefined, next: Service): boolean {
  if (next.selector === undefined) return false;
  if (former === undefined) return true;
  const partsOf = ({ selector, ports, publishNotReadyAddresses }: Service): unknown => [
    selector,
    ports.map(({ name, transport, targetPort, port }) => [name, transport, targetPort ?? port]),
    publishNotReadyAddresses,
  ];
  return !isDeepStrictEqual(partsOf(former), partsOf(next));
}

/** A slice for each pod that the Service selects, with the ports that this pod has. */
export function plannedSlices(
  service: Service,
  rows: readonly SourceChange[],
): readonly SourceChange[] {
  const selector = Object.entries(service.selector ?? {});
  return rows.flatMap((row): readonly SourceChange[] => {
    if (row.collection !== 'pods' || row.value === undefined) return [];
    const pod = row.value;
    const [address] = pod.ips;
    const isMeant =
      pod.namespace === service.namespace &&
      selector.every(([label, value]) => pod.labels[label] === value);
    if (!isMeant || pod.isFinished || address === undefined) return [];
    const name = `${service.name}-${pod.name}`;
    const isReady = service.publishNotReadyAddresses || isReadyPod(row.manifest);
    const value: EndpointSlice = {
      kind: 'EndpointSlice',
      key: sliceKey(service.namespace, name),
      service: service.key,
      addressType: address.includes(':') ? 'IPv6' : 'IPv4',
      ports: portsOf(service, pod),
      endpoints: [
        {
          address,
          isReady: isReady && !pod.isTerminating,
          isServing: isReady,
          isTerminating: pod.isTerminating,
          ...(pod.nodeName === undefined ? {} : { nodeName: pod.nodeName }),
        },
      ],
    };
    const ref = { kind: 'EndpointSlice', group: 'discovery.k8s.io' } as const;
    const { namespace } = service;
    return [{ collection: 'slices', key: value.key, value, ref: { ...ref, namespace, name } }];
  });
}

function portsOf(service: Service, pod: Pod): EndpointSlice['ports'] {
  return service.ports.flatMap(({ name, port, transport, targetPort = port }) => {
    if (transport !== 'TCP') return [];
    if (typeof targetPort === 'number') return [{ name, port: targetPort }];
    const named = pod.containerPorts.find((each) => each.name === targetPort);
    return named === undefined ? [] : [{ name, port: named.port }];
  });
}

function isReadyPod(manifest: unknown): boolean {
  return listAt(manifest, 'status', 'conditions').some(
    (condition) => textAt(condition, 'type') === 'Ready' && textAt(condition, 'status') === 'True',
  );
}
