/** Endpoints of clusters: those of a Service's port, or the one address that was called. */
import type { Read } from '../../graph/index.js';
import type { EndpointIr, EndpointsIr } from '../../ir/index.js';
import { familyOf } from './address.js';
import {
  originsOf,
  resolveClusterName,
  type Destination,
  type NamingSettings,
} from './destination.js';
import type { GroupEndpoint } from './endpoint-group.js';
import { matchesLabels } from './labels.js';
import type { EndpointTables } from './tables.js';

/** The endpoints of the cluster called `name`; undefined when it has none by nature. */
export function toEndpoints(
  name: string,
  read: Read,
  tables: EndpointTables,
  settings: NamingSettings,
): EndpointsIr | undefined {
  const destination = resolveClusterName(name, read, tables, settings);
  if (destination === undefined) return undefined;
  const origins = originsOf(destination);
  switch (destination.kind) {
    case 'group':
      return {
        cluster: name,
        localities: byZone(groupEndpoints(destination, read, tables)),
        origins,
      };
    case 'pod':
    case 'outside': {
      const { ip, port } = destination;
      const isInMesh = destination.kind === 'pod' && destination.owner.isInMesh;
      const endpoint: EndpointIr = { ip, port, health: 'healthy', isInMesh };
      return { cluster: name, localities: [{ zone: '', endpoints: [endpoint] }], origins };
    }
    case 'dns':
    case 'nowhere':
      return undefined;
  }
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

function byZone(endpoints: readonly GroupEndpoint[]): EndpointsIr['localities'] {
  const zones = new Map<string, EndpointIr[]>();
  for (const { ip, port, health, isInMesh, zone } of endpoints) {
    if (health === 'unready') continue;
    const members = zones.get(zone) ?? [];
    members.push({ ip, port, health, isInMesh });
    zones.set(zone, members);
  }
  return [...zones.keys()].sort().map((zone) => ({ zone, endpoints: zones.get(zone) ?? [] }));
}
