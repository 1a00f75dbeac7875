/** Endpoints of clusters. */
import type { EndpointIr, EndpointsIr } from '../../ir/index.js';
import { meshEndpointMetadata } from './cluster.js';
import type { ClusterLoadAssignment, LbEndpoint } from '../../envoy/index.js';
import { spellAddress } from './values.js';

/**
 * Every endpoint is chosen equally often, whatever its zone. Draining endpoints stand one priority
 * below: Envoy turns to them only when no other is left (none of them is marked unhealthy, since
 * Envoy would then not use them at all).
 */
export function spellEndpoints(ir: EndpointsIr): ClusterLoadAssignment {
  const healthy = spellLocalities(ir, 'healthy');
  const draining = spellLocalities(ir, 'draining');
  const second = healthy.length === 0 ? 0 : 1;
  return {
    cluster_name: ir.cluster,
    endpoints: [...healthy, ...draining.map((locality) => ({ ...locality, priority: second }))],
  };
}

type Locality = NonNullable<ClusterLoadAssignment['endpoints']>[number];

function spellLocalities(ir: EndpointsIr, health: EndpointIr['health']): Locality[] {
  return ir.localities
    .map(({ zone, endpoints }) => ({
      zone,
      some: endpoints.filter((one) => one.health === health),
    }))
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
    ...(endpoint.isInMesh ? { metadata: meshEndpointMetadata } : {}),
  };
}
