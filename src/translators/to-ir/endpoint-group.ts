/** The endpoints of one Service, port by port: who is there, in which state and with which identity. */
import type { Read } from '../../graph/index.js';
import { formatAddress } from '../../ir/index.js';
import {
  namespaceOf,
  type EndpointSlice,
  type PodKey,
  type PortProtocol,
  type Service,
  type ServiceKey,
  type SliceEndpoint,
  type SpiffeId,
} from '../../model/index.js';
import { selectedPorts } from './selected-ports.js';
import type { WorkloadTables } from './tables.js';
import type { AddressOwner } from './workload.js';
import { hasSidecarAt } from './workload.js';

/** One endpoint of a port. */
export interface GroupEndpoint {
  readonly ip: string;
  readonly port: number;
  /** `unready`: takes no traffic, but its identity and its inbound side are known ahead. */
  readonly health: 'healthy' | 'draining' | 'unready';
  /** Empty when unknown. */
  readonly zone: string;
  readonly isInMesh: boolean;
  /** The pod that owns the address; absent: nobody in the cluster does. */
  readonly pod?: PodKey;
  readonly spiffeId?: SpiffeId;
}

/** One TCP port of a Service. */
export interface GroupPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: PortProtocol;
  /** Sorted by address and port; no address twice. */
  readonly endpoints: readonly GroupEndpoint[];
}

/** A Service with its endpoints. */
export interface EndpointGroup {
  readonly service: ServiceKey;
  readonly isHeadless: boolean;
  readonly ports: readonly GroupPort[];
}

/** Who may answer for a Service, by port number; sorted, and ahead of readiness. */
export interface ServiceIdentities {
  readonly byPort: readonly { readonly port: number; readonly spiffeIds: readonly SpiffeId[] }[];
}

/** A container port that a Service leads to. */
export interface ServedPort {
  readonly pod: PodKey;
  readonly service: ServiceKey;
  readonly portName: string;
  /** The container port. */
  readonly port: number;
  readonly protocol: PortProtocol;
}

/** One address of a headless Service: what its callers really call. */
export interface HeadlessAddress {
  readonly service: ServiceKey;
  readonly portName: string;
  /** The Service's port number. */
  readonly servicePort: number;
  readonly protocol: PortProtocol;
  readonly ip: string;
  /** The port at the endpoint. */
  readonly port: number;
  /** It is a pod of the Service's own namespace. */
  readonly isOwn: boolean;
}

/** Collects a Service's endpoints; undefined for ExternalName. */
export function toEndpointGroup(
  service: Service,
  read: Read,
  tables: Pick<WorkloadTables, 'slicesByService' | 'owners' | 'nodes'>,
): EndpointGroup | undefined {
  if (service.externalName !== undefined) return undefined;
  const slices = read.find(tables.slicesByService, service.key);
  const ports = service.ports
    .filter((port) => port.transport === 'TCP')
    .map(({ name, port, protocol }) => {
      const found = new Map<string, GroupEndpoint>();
      for (const slice of slices) {
        for (const endpoint of endpointsOf(slice, name, service, read, tables)) {
          const address = formatAddress(endpoint.ip, endpoint.port);
          const other = found.get(address);
          // While slices are rebalanced an address may stand in two: the better state is the newer.
          if (other === undefined || healthOrder[endpoint.health] < healthOrder[other.health]) {
            found.set(address, endpoint);
          }
        }
      }
      return { name, port, protocol, endpoints: [...found.values()].sort(byAddress) };
    });
  return { service: service.key, isHeadless: service.isHeadless, ports };
}

const healthOrder = { healthy: 0, draining: 1, unready: 2 } as const;

function byAddress(a: GroupEndpoint, b: GroupEndpoint): number {
  if (a.ip !== b.ip) return a.ip < b.ip ? -1 : 1;
  return a.port - b.port;
}

function endpointsOf(
  slice: EndpointSlice,
  portName: string,
  service: Service,
  read: Read,
  tables: Pick<WorkloadTables, 'owners' | 'nodes'>,
): readonly GroupEndpoint[] {
  const port = slice.ports.find(({ name }) => name === portName)?.port;
  if (port === undefined) return [];
  return slice.endpoints.map((endpoint): GroupEndpoint => {
    const owner = read.get(tables.owners, endpoint.address);
    return {
      ip: endpoint.address,
      port,
      health: healthOf(withDeletion(endpoint, owner), service.publishNotReadyAddresses),
      zone: zoneOf(endpoint, read, tables),
      isInMesh: owner !== undefined && hasSidecarAt(owner, port),
      ...(owner === undefined ? {} : { pod: owner.pod, spiffeId: owner.spiffeId }),
    };
  });
}

/**
 * A pod that is being deleted is told to end at once, and its EndpointSlices say so some time later:
 * callers must not wait for them.
 */
function withDeletion(endpoint: SliceEndpoint, owner: AddressOwner | undefined): SliceEndpoint {
  return owner?.isTerminating === true
    ? { ...endpoint, isReady: false, isTerminating: true }
    : endpoint;
}

function healthOf(endpoint: SliceEndpoint, publishNotReady: boolean): GroupEndpoint['health'] {
  if (endpoint.isReady) return 'healthy';
  if (endpoint.isTerminating && (endpoint.isServing || publishNotReady)) return 'draining';
  return publishNotReady ? 'healthy' : 'unready';
}

function zoneOf(
  endpoint: SliceEndpoint,
  read: Read,
  tables: Pick<WorkloadTables, 'nodes'>,
): string {
  if (endpoint.zone !== undefined) return endpoint.zone;
  if (endpoint.nodeName === undefined) return '';
  return read.get(tables.nodes, endpoint.nodeName)?.zone ?? '';
}

/** The identities of all endpoints in the mesh, whatever their state. */
export function toIdentities(group: EndpointGroup): ServiceIdentities {
  return {
    byPort: group.ports.map(({ port, endpoints }) => ({
      port,
      spiffeIds: identitiesOf(endpoints),
    })),
  };
}

/** Sorted identities of the endpoints that are in the mesh. */
export function identitiesOf(endpoints: readonly GroupEndpoint[]): readonly SpiffeId[] {
  const ids = endpoints.flatMap(({ isInMesh, spiffeId }) =>
    isInMesh && spiffeId !== undefined ? [spiffeId] : [],
  );
  return [...new Set(ids)].sort();
}

/**
 * Whether the endpoint is a pod of the Service's own namespace. EndpointSlices may list any address:
 * what a Service says of a port is binding for nobody else's pods.
 */
export function isOwnPod(service: ServiceKey, { pod }: Pick<GroupEndpoint, 'pod'>): boolean {
  return pod !== undefined && namespaceOf(pod) === namespaceOf(service);
}

/** One row per container port of its own namespace's pods that the Service leads to, or selects. */
export function* toServedPorts(
  group: EndpointGroup,
  read: Read,
  tables: Pick<WorkloadTables, 'services' | 'workloadsByLabel'>,
): Iterable<readonly [string, ServedPort]> {
  const row = read.get(tables.services, group.service);
  const selected = row === undefined ? [] : selectedPorts(row, read, tables);
  for (const served of selected) yield [servedKey(served), served];
  for (const { name, protocol, endpoints } of group.ports) {
    for (const endpoint of endpoints) {
      const { pod, port } = endpoint;
      if (pod === undefined || !isOwnPod(group.service, endpoint)) continue;
      const served = { pod, service: group.service, portName: name, port, protocol };
      yield [servedKey(served), served];
    }
  }
}

function servedKey({ pod, service, portName, port }: ServedPort): string {
  return `${pod} ${service} ${portName} ${String(port)}`;
}

/** Addresses of endpoints that no pod owns, with the Service that names them. */
export function* toOutsideAddresses(group: EndpointGroup): Iterable<readonly [string, ServiceKey]> {
  for (const { endpoints } of group.ports) {
    for (const { pod, ip, port } of endpoints) {
      if (pod === undefined) yield [formatAddress(ip, port), group.service];
    }
  }
}

/** One row per endpoint address of a headless Service, whatever its state. */
export function* toHeadlessAddresses(
  group: EndpointGroup,
): Iterable<readonly [string, HeadlessAddress]> {
  if (!group.isHeadless) return;
  for (const { name, port: servicePort, protocol, endpoints } of group.ports) {
    for (const endpoint of endpoints) {
      const { ip, port } = endpoint;
      const key = `${formatAddress(ip, port)} ${group.service} ${name}`;
      const isOwn = isOwnPod(group.service, endpoint);
      const common = { service: group.service, portName: name, servicePort, protocol };
      yield [key, { ...common, ip, port, isOwn }];
    }
  }
}
