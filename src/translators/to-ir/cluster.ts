/** Clusters: what is answered when a sidecar asks for a name. */
import type { Read } from '../../graph/index.js';
import {
  formatAddress,
  parseClusterName,
  type ClusterIr,
  type ClusterTlsIr,
  type EgressIr,
  type PlacementIr,
} from '../../ir/index.js';
import { namespaceOf, type SpiffeId } from '../../model/index.js';
import { allowsAddress } from '../policies/egress/allowed.js';
import { callerSpeakers, outboundSpeakers, type Callee, type Caller } from './attach-outbound.js';
import {
  originsOf,
  resolveClusterName,
  type Destination,
  type NamingSettings,
} from './destination.js';
import { identitiesOf } from './endpoint-group.js';
import { groupEndpoints } from './endpoints.js';
import { toClusterSettings } from './outbound-settings.js';
import { noPlacement, toPlacement } from './placement.js';
import type { EndpointTables, PolicyTables, SourceTables } from './tables.js';
import { serviceHost, tlsContext } from './tls-context.js';
import { hasSidecarAt } from './workload.js';

/** Who asks for a cluster, and where. */
export interface ClusterQuery {
  readonly name: string;
  /** Absent: everybody, as far as nobody has a word of his own. */
  readonly caller?: Caller;
}

/** The cluster that a caller has by that name; undefined for an address that nobody in the mesh has. */
export function toCluster(
  { name, caller }: ClusterQuery,
  read: Read,
  tables: PolicyTables,
  settings: NamingSettings,
): ClusterIr | undefined {
  const destination = resolveClusterName(name, read, tables, settings);
  if (destination === undefined) return undefined;
  const callee = calleeOf(destination, read, tables);
  const speakers = outboundSpeakers(callee, caller, read, tables);
  const context = tlsContext(serverNameOf(destination, callee), read, tables);
  const at = { destination, context };
  const { placement, settings: order } = toPlacement(at, speakers, read, tables, settings);
  const decided = toClusterSettings(speakers, {
    tls: context,
    // With somebody to stand in, all may be left out.
    ...(placement.failover.length === 0 ? {} : { maxEjectedPercent: 100 }),
  });
  return {
    name,
    wire: wireOf(name),
    kind: kindOf(destination, decided.tls),
    spiffeIds: acceptedIdentities(destination, read, tables),
    ...decided,
    placement,
    standIns: placement.failover.map(({ service, cluster }) => {
      const other = resolveClusterName(cluster, read, tables, settings);
      const spiffeIds = other === undefined ? [] : acceptedIdentities(other, read, tables);
      return { service, spiffeIds };
    }),
    settings: [...decided.settings, ...order],
    origins: [...originsOf(destination), ...decided.tls.origins],
  };
}

/** The order of the endpoints of the cluster that a caller has by that name. */
export function placementOf(
  { name, caller }: ClusterQuery,
  read: Read,
  tables: PolicyTables,
  settings: NamingSettings,
): PlacementIr {
  const destination = resolveClusterName(name, read, tables, settings);
  if (destination === undefined) return noPlacement;
  const callee = calleeOf(destination, read, tables);
  const speakers = outboundSpeakers(callee, caller, read, tables);
  const context = tlsContext(serverNameOf(destination, callee), read, tables);
  return toPlacement({ destination, context }, speakers, read, tables, settings).placement;
}

/** Whose words count for calls that go there. */
export function calleeOf(destination: Destination, read: Read, tables: EndpointTables): Callee {
  switch (destination.kind) {
    case 'group':
    case 'dns': {
      const { service, port } = destination;
      const row = read.get(tables.services, service);
      const portName = row?.ports.find((own) => own.port === port)?.name ?? '';
      return { namespace: namespaceOf(service), services: [{ service, portName }] };
    }
    case 'pod': {
      const { owner, ip, port } = destination;
      const services = read
        .find(tables.headlessByAddress, formatAddress(ip, port))
        .filter(({ isOwn }) => isOwn);
      return { namespace: namespaceOf(owner.pod), services };
    }
    // EndpointSlices may list any address: whoever does settles nothing of how others call it.
    case 'outside':
    case 'nowhere':
      return { services: [] };
  }
}

/** The cluster called `name` where nobody in the mesh has the address: what egress says of it. */
export function toUnknownCluster(
  { name, caller }: ClusterQuery,
  egress: EgressIr,
  read: Read,
  tables: SourceTables,
): ClusterIr {
  const address = parseClusterName(name);
  const isAllowed =
    address?.kind === 'address'
      ? allowsAddress(egress, address.ip, address.port)
      : egress.mode === 'AllowAny';
  // It is no Service of the mesh, so that only who calls has a say.
  const decided = toClusterSettings(callerSpeakers(caller), {
    tls: tlsContext(undefined, read, tables),
  });
  const isOpen = isAllowed && decided.tls.outside.kind !== 'refused';
  return {
    name,
    wire: wireOf(name),
    kind: { kind: isOpen ? 'passthrough' : 'refuse' },
    spiffeIds: [],
    ...decided,
    placement: noPlacement,
    standIns: [],
    origins: egress.origins,
  };
}

/** The name that a server proves where no policy says it. */
function serverNameOf(destination: Destination, { services }: Callee): string | undefined {
  switch (destination.kind) {
    case 'dns':
      return destination.hostname.replace(/\.$/, '');
    case 'group':
    case 'outside':
      return serviceHost(destination.service);
    case 'pod': {
      const [called] = services;
      return called && serviceHost(called.service);
    }
    case 'nowhere':
      return undefined;
  }
}

function wireOf(name: string): ClusterIr['wire'] {
  return parseClusterName(name)?.wire ?? 'http';
}

function kindOf(destination: Destination, { outside }: ClusterTlsIr): ClusterIr['kind'] {
  switch (destination.kind) {
    case 'group':
    case 'pod':
    case 'outside':
      return { kind: 'endpoints' };
    case 'dns':
      if (outside.kind === 'refused') return { kind: 'refuse' };
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
