/** The listener that answers the kubelet: whether the sidecar is ready, and the app's probes. */
import type { ReadinessIr } from '../../ir/index.js';
import { lingerPath } from '../../model/index.js';
import {
  inboundPort,
  ownPorts,
  listeningClusterName,
  outboundPort,
  readinessPort,
} from './contract.js';
import { spellRouter, wrapHttpConnection } from './http-connection.js';
import type { Cluster, Listener, Route } from '../../envoy/index.js';
import { spellProbeClusters, spellProbeFilters, spellProbeRoutes } from './probes.js';
import { spellAddress, spellAnyAddress, spellDuration } from './values.js';

/**
 * `readiness` on 15021: `/ready` is 200 once the other listeners take connections (503 again once
 * Envoy was told to fail), the probes are what the app says, the preStop hook is answered late,
 * everything else is 404.
 */
export function spellReadiness(ir?: ReadinessIr): Listener {
  const own = ir === undefined ? undefined : withoutOwnPorts(ir);
  return {
    name: 'readiness',
    address: spellAnyAddress(readinessPort),
    filter_chains: [
      {
        filters: [
          wrapHttpConnection({
            stat_prefix: 'readiness',
            codec_type: 'HTTP1',
            server_header_transformation: 'PASS_THROUGH',
            generate_request_id: false,
            request_timeout: '10s',
            route_config: {
              name: 'readiness',
              virtual_hosts: [
                {
                  name: 'readiness',
                  domains: ['*'],
                  routes: [
                    ...(own === undefined ? [] : spellProbeRoutes(own)),
                    spellLinger(),
                    { name: 'other', match: { prefix: '' }, direct_response: { status: 404 } },
                  ],
                },
              ],
            },
            http_filters: [
              {
                name: 'envoy.filters.http.health_check',
                typed_config: {
                  '@type':
                    'type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck',
                  pass_through_mode: false,
                  headers: [{ name: ':path', string_match: { exact: '/ready' } }],
                  cluster_min_healthy_percentages: { [listeningClusterName]: { value: 100 } },
                },
              },
              ...(own === undefined ? [] : spellProbeFilters(own)),
              {
                name: faultFilter,
                typed_config: {
                  '@type': 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault',
                },
              },
              spellRouter(),
            ],
          }),
        ],
      },
    ],
  };
}

const faultFilter = 'envoy.filters.http.fault';

/**
 * Callers hear of a deletion within some 100 ms (measured), and connections to the app that are kept
 * alive are closed after a second: one that the app closes while it is used again fails its request.
 */
const lingerMs = 2_000;

function spellLinger(): Route {
  return {
    name: 'linger',
    match: { path: lingerPath },
    direct_response: { status: 200 },
    typed_per_filter_config: {
      [faultFilter]: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault',
        delay: { fixed_delay: spellDuration(lingerMs), percentage: { numerator: 100 } },
      },
    },
  };
}

/** The clusters that the listener of this pod refers to. */
export function spellReadinessClusters(ir: ReadinessIr): Cluster[] {
  return spellProbeClusters(withoutOwnPorts(ir));
}

/** The sidecar is no app: an injection never writes such a probe. */
function withoutOwnPorts(ir: ReadinessIr): ReadinessIr {
  return { ...ir, probes: ir.probes.filter(({ port }) => !ownPorts.includes(port)) };
}

const pollMs = 100;
const dayMs = 86_400_000;

/**
 * The two listeners that carry the app's calls, as endpoints that are looked at until both take
 * connections. A listener takes them once its routes and its certificate have come, and never when
 * Envoy refused it, so readiness does not open on a configuration that was refused in part.
 */
export function spellListening(): Cluster {
  const endpoints = [outboundPort, inboundPort].map((port) => ({
    endpoint: { address: spellAddress('127.0.0.1', port) },
  }));
  return {
    name: listeningClusterName,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: listeningClusterName,
      endpoints: [{ lb_endpoints: endpoints }],
    },
    health_checks: [
      {
        timeout: '1s',
        interval: spellDuration(dayMs),
        unhealthy_interval: spellDuration(pollMs),
        no_traffic_interval: spellDuration(pollMs),
        no_traffic_healthy_interval: spellDuration(dayMs),
        healthy_threshold: 1,
        unhealthy_threshold: 1,
        tcp_health_check: {},
      },
    ],
  };
}
