/** Endpoints of clusters: those of a Service's port, or the one address that was called. */
import type { Collection, Read } from '../../graph/index.js';
import type { EndpointIr, EndpointsIr, InboundIr, InboundPortIr } from '../../ir/index.js';
import type { PodKey } from '../../model/index.js';
import { familyOf } from './address.js';
import {
  originsOf,
  resolveClusterName,
  type Destination,
  type NamingSettings,
} from './destination.js';
import type { GroupEndpoint } from './endpoint-group.js';
import { toGroups, type Place } from './endpoint-order.js';
import { matchesLabels } from './labels.js';
import type { EndpointTables } from './tables.js';
import { hasSidecarAt } from './workload.js';

/** The modes of a workload's ports; the entry without a port is all others. */
export type PortModes = readonly Pick<InboundPortIr, 'port' | 'mtls'>[];

/** Tables that endpoints are made from. */
export interface DestinationTables extends EndpointTables {
  /** By PodKey, only for workloads that take no mesh TLS on some port. */
  readonly plaintextPorts: Collection<PortModes>;
}

/** The modes of a workload that takes no mesh TLS on some port; undefined for all others. */
export function toPlaintextPorts({ ports }: InboundIr): PortModes | undefined {
  if (!ports.some(({ mtls }) => mtls === 'Disabled')) return undefined;
  return ports.map(({ port, mtls }) => ({ mtls, ...(port === undefined ? {} : { port }) }));
}

/** Whether callers in the mesh speak mesh TLS to this port of a workload that has a sidecar. */
function takesMeshTls(pod: PodKey, port: number, read: Read, tables: DestinationTables): boolean {
  const modes = read.get(tables.plaintextPorts, pod) ?? [];
  const mode =
    modes.find((one) => one.port === port) ?? modes.find((one) => one.port === undefined);
  return mode?.mtls !== 'Disabled';
}

/** The endpoints of the cluster called `name` in the order of `place`; undefined when it has none by nature. */
export function toEndpoints(
  { name, place }: { readonly name: string; readonly place: Place },
  read: Read,
  tables: DestinationTables,
  settings: NamingSettings,
): EndpointsIr | undefined {
  const destination = resolveClusterName(name, read, tables, settings);
  if (destination === undefined) return undefined;
  const origins = originsOf(destination);
  switch (destination.kind) {
    case 'group': {
      const { failover, origins: deciding } = place.placement;
      const endpoints = usedEndpoints(destination, place, read, tables);
      const standIns = failover.flatMap(({ service, cluster }) => {
        const other = resolveClusterName(cluster, read, tables, settings);
        if (other?.kind !== 'group') return [];
        return [{ service, endpoints: usedEndpoints(other, place, read, tables) }];
      });
      const own = { service: destination.service, endpoints };
      const groups = toGroups({ own, standIns }, place);
      const others = failover.map(({ service }) => ({ object: `Service ${service}` }));
      return { cluster: name, groups, origins: [...origins, ...others, ...deciding] };
    }
    case 'pod':
    case 'outside': {
      const { ip, port } = destination;
      const isInMesh =
        destination.kind === 'pod' &&
        hasSidecarAt(destination.owner, port) &&
        takesMeshTls(destination.owner.pod, port, read, tables);
      const endpoint: EndpointIr = { ip, port, health: 'healthy', isInMesh };
      const { isMeshOnly, origins: deciding } = place.placement;
      const localities = [{ zone: '', endpoints: [endpoint] }];
      const groups = isMeshOnly && !isInMesh ? [] : [{ says: '', localities }];
      return { cluster: name, groups, origins: [...origins, ...deciding] };
    }
    case 'dns':
    case 'nowhere':
      return undefined;
  }
}

/** The endpoints that a caller may use. */
function usedEndpoints(
  destination: Extract<Destination, { kind: 'group' }>,
  { placement }: Place,
  read: Read,
  tables: DestinationTables,
): readonly GroupEndpoint[] {
  const all = calledEndpoints(destination, read, tables);
  return placement.isMeshOnly ? all.filter(({ isInMesh }) => isInMesh) : all;
}

/** The endpoints as callers in the mesh see them: those that take no mesh TLS count as outside. */
function calledEndpoints(
  destination: Extract<Destination, { kind: 'group' }>,
  read: Read,
  tables: DestinationTables,
): readonly GroupEndpoint[] {
  return groupEndpoints(destination, read, tables).map((endpoint) => {
    const { pod, port, isInMesh } = endpoint;
    if (pod === undefined) return endpoint;
    return { ...endpoint, isInMesh: isInMesh && takesMeshTls(pod, port, read, tables) };
  });
}

/** Every endpoint of a Service's port that the destination means, whatever its state. */
export function groupEndpoints(
  destination: Extract<Destination, { kind: 'group' }>,
  read: Read,
  tables: EndpointTables,
): readonly GroupEndpoint[] {
  const { service, port, subset } = destination;
  const group = read.get(tables.groups, service);
  const all = group?.ports.find((own) => own.port === port)?.endpoints ?? [];
  const hasIPv4 = all.some(({ ip }) => familyOf(ip) === 'IPv4');
  const family = destination.family ?? (hasIPv4 ? 'IPv4' : 'IPv6');
  const isWhole = Object.keys(subset).length === 0;
  return all.filter(({ ip, pod }) => {
    if (familyOf(ip) !== family) return false;
    if (isWhole) return true;
    const workload = pod === undefined ? undefined : read.get(tables.workloads, pod);
    return workload !== undefined && matchesLabels(subset, workload.labels);
  });
}
