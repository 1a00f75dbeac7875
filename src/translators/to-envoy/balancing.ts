/** How a cluster chooses an endpoint. */
import type { AnyMessage, Cluster, HashPolicy } from '../../envoy/index.js';
import type { BalancingIr } from '../../ir/index.js';
import type { HashSetting } from '../../model/index.js';
import { spellDuration } from './values.js';

/** The fields of a cluster with endpoints. */
export function spellBalancing(ir: BalancingIr): Cluster {
  const slow_start_config =
    ir.slowStartMs === undefined ? undefined : { slow_start_window: spellDuration(ir.slowStartMs) };
  switch (ir.algorithm) {
    case 'LeastRequest':
      return {
        lb_policy: 'LEAST_REQUEST',
        // Of two drawn, which is Envoy's default: of many, one that fails at once, hence has the fewest
        // calls under way, would be taken each time, by retries too.
        ...(slow_start_config && { least_request_lb_config: { slow_start_config } }),
      };
    case 'RoundRobin':
      return {
        lb_policy: 'ROUND_ROBIN',
        ...(slow_start_config && { round_robin_lb_config: { slow_start_config } }),
      };
    case 'Random':
      return { lb_policy: 'RANDOM' };
    case 'RingHash':
      return spellHashing('ring_hash', {
        '@type':
          'type.googleapis.com/envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash',
        consistent_hashing_lb_config: spellHashConfig(ir.hashOn),
      });
    case 'Maglev':
      return spellHashing('maglev', {
        '@type': 'type.googleapis.com/envoy.extensions.load_balancing_policies.maglev.v3.Maglev',
        consistent_hashing_lb_config: spellHashConfig(ir.hashOn),
      });
  }
}

/** The policy of the cluster and not of its routes, so that it travels with it, and TCP has it too. */
function spellHashing(name: string, config: AnyMessage): Cluster {
  const typed_extension_config = {
    name: `envoy.load_balancing_policies.${name}`,
    typed_config: config,
  };
  return { load_balancing_policy: { policies: [{ typed_extension_config }] } };
}

function spellHashConfig(hash: HashSetting | undefined): { hash_policy?: HashPolicy[] } {
  return hash === undefined ? {} : { hash_policy: [spellHash(hash)] };
}

function spellHash(hash: HashSetting): HashPolicy {
  switch (hash.kind) {
    case 'header':
      return { header: { header_name: hash.name } };
    case 'cookie':
      return { cookie: { name: hash.name, ttl: spellDuration(hash.ttlMs), path: '/' } };
    case 'sourceIP':
      return { connection_properties: { source_ip: true } };
    case 'queryParam':
      return { query_parameter: { name: hash.name } };
  }
}
