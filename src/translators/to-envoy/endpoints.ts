/** Endpoints of clusters. */
import type { EndpointGroupIr, EndpointIr, EndpointsIr } from '../../ir/index.js';
import { spellMeshMetadata } from './cluster.js';
import type { ClusterLoadAssignment, LbEndpoint } from '../../envoy/index.js';
import { spellAddress } from './values.js';

/**
 * Each group of endpoints is one priority: Envoy turns to the next as the healthy share of those
 * before falls below 1 / 1.4. Within a group every endpoint is chosen equally often, whatever its
 * zone. Draining endpoints stand last: Envoy turns to them only when no other is left (none of them
 * is marked unhealthy, since Envoy would then not use them at all).
 */
export function spellEndpoints(ir: EndpointsIr): ClusterLoadAssignment {
  const groups = ir.groups
    .map(({ localities }) => spellLocalities(localities, ({ health }) => health !== 'draining'))
    .filter((localities) => localities.length > 0);
  const draining = spellLocalities(byZone(ir.groups), ({ health }) => health === 'draining');
  return {
    cluster_name: ir.cluster,
    endpoints: [...groups, draining].flatMap((localities, priority) =>
      localities.map((locality) => (priority === 0 ? locality : { ...locality, priority })),
    ),
  };
}

type Locality = NonNullable<ClusterLoadAssignment['endpoints']>[number];

/** All groups as one. */
function byZone(groups: readonly EndpointGroupIr[]): EndpointGroupIr['localities'] {
  const all = groups.flatMap(({ localities }) => localities);
  return [...new Set(all.map(({ zone }) => zone))].sort().map((zone) => ({
    zone,
    endpoints: all.filter((one) => one.zone === zone).flatMap(({ endpoints }) => endpoints),
  }));
}

function spellLocalities(
  all: EndpointGroupIr['localities'],
  isMeant: (endpoint: EndpointIr) => boolean,
): Locality[] {
  return all
    .map(({ zone, endpoints }) => ({ zone, some: endpoints.filter(isMeant) }))
    .filter(({ some }) => some.length > 0)
    .map(({ zone, some }) => ({
      locality: { zone },
      // By count, so that balancing by locality, were it on, would be as even.
      load_balancing_weight: some.length,
      lb_endpoints: some.map(spellEndpoint),
    }));
}

function spellEndpoint(endpoint: EndpointIr): LbEndpoint {
  return {
    endpoint: { address: spellAddress(endpoint.ip, endpoint.port) },
    ...(endpoint.health === 'unready' ? { health_status: 'UNHEALTHY' } : {}),
    ...(endpoint.isInMesh ? { metadata: spellMeshMetadata(endpoint.standsInAs) } : {}),
  };
}
