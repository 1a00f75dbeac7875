/** Clusters: what is answered when a sidecar asks for a name. */
import type { Read } from '../../graph/index.js';
import { parseClusterName, type ClusterIr } from '../../ir/index.js';
import type { SpiffeId } from '../../model/index.js';
import type { EgressDecision } from '../policies/egress/feature.js';
import {
  originsOf,
  resolveClusterName,
  type Destination,
  type NamingSettings,
} from './destination.js';
import { identitiesOf } from './endpoint-group.js';
import { groupEndpoints } from './endpoints.js';
import type { EndpointTables } from './tables.js';
import { hasSidecarAt } from './workload.js';

const connectTimeoutMs = 1000;

/**
 * The cluster called `name` for every sidecar; undefined when the answer depends on who asks
 * (an address that nobody in the mesh has).
 */
export function toCluster(
  name: string,
  read: Read,
  tables: EndpointTables,
  settings: NamingSettings,
): ClusterIr | undefined {
  const destination = resolveClusterName(name, read, tables, settings);
  if (destination === undefined) return undefined;
  return {
    name,
    wire: wireOf(name),
    kind: kindOf(destination),
    spiffeIds: acceptedIdentities(destination, read, tables),
    connectTimeoutMs,
    origins: originsOf(destination),
  };
}

/** The cluster called `name` where nobody in the mesh has the address: what egress says of it. */
export function toUnknownCluster(name: string, egress: EgressDecision): ClusterIr {
  return {
    name,
    wire: wireOf(name),
    kind: { kind: egress.mode === 'AllowAny' ? 'passthrough' : 'refuse' },
    spiffeIds: [],
    connectTimeoutMs,
    origins: egress.origins,
  };
}

function wireOf(name: string): ClusterIr['wire'] {
  return parseClusterName(name)?.wire ?? 'http';
}

function kindOf(destination: Destination): ClusterIr['kind'] {
  switch (destination.kind) {
    case 'group':
    case 'pod':
    case 'outside':
      return { kind: 'endpoints' };
    case 'dns':
      return { kind: 'dns', hostname: destination.hostname, port: destination.port };
    case 'nowhere':
      return { kind: 'refuse' };
  }
}

function acceptedIdentities(
  destination: Destination,
  read: Read,
  tables: EndpointTables,
): readonly SpiffeId[] {
  switch (destination.kind) {
    case 'group':
      if (Object.keys(destination.subset).length > 0) {
        return identitiesOf(groupEndpoints(destination, read, tables));
      }
      return (
        read
          .get(tables.identities, destination.service)
          ?.byPort.find(({ port }) => port === destination.port)?.spiffeIds ?? []
      );
    case 'pod':
      return hasSidecarAt(destination.owner, destination.port) ? [destination.owner.spiffeId] : [];
    case 'outside':
    case 'dns':
    case 'nowhere':
      return [];
  }
}
