/** Upstream clusters. */
import type { ClusterIr } from '../../ir/index.js';
import type { ServiceKey } from '../../model/index.js';
import { spellBalancing } from './balancing.js';
import { spellCircuitBreakers, spellKeepalive, spellOutlierDetection } from './cluster-limits.js';
import { inboundClusterName, passthroughClusterName, refuseClusterName } from './contract.js';
import type { CircuitBreakers, Cluster, ClusterTransportSocketMatch } from '../../envoy/index.js';
import { spellOrigination, spellUpstreamTls } from './tls.js';
import { spellAddress, spellBoundedAdsSource, spellDuration } from './values.js';

/** Connect timeout of the clusters that are the same for everybody. */
const fixedConnectTimeoutMs = 5_000;

/**
 * The metadata of endpoints that speak mesh TLS, of the Service that was called or of one that stands in;
 * {@link spellCluster} chooses their socket by it.
 */
export function spellMeshMetadata(standsInAs?: ServiceKey): {
  readonly filter_metadata: Readonly<Record<string, Readonly<Record<string, string>>>>;
} {
  return { filter_metadata: { 'envoy.transport_socket_match': meshMatch(standsInAs) } };
}

function meshMatch(standsInAs: ServiceKey | undefined): Readonly<Record<string, string>> {
  return { skerry: 'mtls', ...(standsInAs === undefined ? {} : { of: standsInAs }) };
}

/** The cluster of that name. Its connections are mesh TLS or plaintext, endpoint by endpoint. */
export function spellCluster(ir: ClusterIr): Cluster {
  const { name, connectTimeoutMs } = ir;
  const base = {
    ...spellBase(name, connectTimeoutMs, spellCircuitBreakers(ir)),
    ...spellKeepalive(ir),
    ...(ir.wire === 'http'
      ? spellHttpOptions(idleOf(ir), ir.connections.maxRequestsPerConnection)
      : {}),
  };
  switch (ir.kind.kind) {
    case 'endpoints':
      return {
        ...base,
        type: 'EDS',
        // Clusters that share an EDS name stall one another for 15 s (measured on Envoy 1.40).
        eds_cluster_config: { service_name: ir.name, eds_config: spellBoundedAdsSource() },
        ...spellBalancing(ir.balancing),
        ...spellOutlierDetection(ir.outlierDetection),
        common_lb_config: { healthy_panic_threshold: { value: 0 } },
        ignore_health_on_host_removal: true,
        ...spellSockets(ir),
      };
    case 'passthrough':
      return {
        ...base,
        ...spellOutsideSocket(ir),
        type: 'ORIGINAL_DST',
        lb_policy: 'CLUSTER_PROVIDED',
      };
    case 'refuse':
      return { ...base, type: 'STATIC' };
    case 'dns':
      return {
        ...base,
        ...spellOutsideSocket(ir),
        type: 'LOGICAL_DNS',
        dns_lookup_family: 'ALL',
        load_assignment: {
          cluster_name: ir.name,
          endpoints: [
            {
              lb_endpoints: [
                { endpoint: { address: spellAddress(ir.kind.hostname, ir.kind.port) } },
              ],
            },
          ],
        },
      };
  }
}

/** Clusters that every sidecar has: to its own app, to any address, to nobody. */
export function spellFixedClusters(): Cluster[] {
  return [
    {
      ...spellBase(inboundClusterName, fixedConnectTimeoutMs),
      ...spellHttpOptions(appIdle),
      type: 'ORIGINAL_DST',
      lb_policy: 'CLUSTER_PROVIDED',
      upstream_bind_config: spellInboundSource(),
    },
    {
      ...spellBase(passthroughClusterName, fixedConnectTimeoutMs),
      type: 'ORIGINAL_DST',
      lb_policy: 'CLUSTER_PROVIDED',
    },
    { ...spellBase(refuseClusterName, fixedConnectTimeoutMs), type: 'STATIC' },
  ];
}

/** Redirection leaves connections from these addresses to the app alone. `::6` must be put on `lo`. */
export function spellInboundSource(): NonNullable<Cluster['upstream_bind_config']> {
  return {
    source_address: { address: '127.0.0.6', port_value: 0 },
    extra_source_addresses: [{ address: { address: '::6', port_value: 0 } }],
  };
}

/** Shorter than the hour and a minute that a sidecar keeps an idle connection it accepted: the caller closes first. */
const outboundIdle = '600s';

function idleOf({ idleTimeoutMs }: ClusterIr): string {
  return idleTimeoutMs === undefined ? outboundIdle : spellDuration(idleTimeoutMs);
}

/**
 * Servers close idle connections after 2 s (gunicorn), 5 s (Node) and more, and a request that
 * meets the closing fails; a new connection inside the pod costs next to nothing.
 */
const appIdle = '1s';

function spellBase(
  name: string,
  connectTimeoutMs: number,
  circuitBreakers: CircuitBreakers = spellCircuitBreakers(),
): Cluster {
  return {
    name,
    connect_timeout: spellDuration(connectTimeoutMs),
    circuit_breakers: circuitBreakers,
  };
}

function spellHttpOptions(idle: string, maxRequestsPerConnection?: number): Cluster {
  return {
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        common_http_protocol_options: {
          idle_timeout: idle,
          ...(maxRequestsPerConnection === undefined
            ? {}
            : { max_requests_per_connection: maxRequestsPerConnection }),
        },
        // HTTP/1.1, HTTP/2, gRPC and WebSocket alike: upstream speaks what the app spoke.
        use_downstream_protocol_config: {
          http_protocol_options: {},
          http2_protocol_options: { allow_connect: true },
        },
      },
    },
  };
}

const plaintext: ClusterTransportSocketMatch = {
  name: 'plaintext',
  match: {},
  transport_socket: {
    name: 'envoy.transport_sockets.raw_buffer',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer',
    },
  },
};

/** Of a cluster that has no endpoint in the mesh; without one the connection is plaintext. */
function spellOutsideSocket({ tls: { outside } }: ClusterIr): Pick<Cluster, 'transport_socket'> {
  return outside.kind === 'origination' ? { transport_socket: spellOrigination(outside) } : {};
}

/** Where endpoints outside the mesh are refused none is sent; one sent before would have to prove nobody's identity. */
function spellSockets(
  ir: ClusterIr,
): Pick<Cluster, 'transport_socket' | 'transport_socket_matches'> {
  const { inMesh, outside } = ir.tls;
  if (inMesh === 'plaintext') return { transport_socket_matches: [plaintext] };
  const mesh = spellMeshSockets(ir);
  switch (outside.kind) {
    case 'plaintext':
      return { transport_socket_matches: [...mesh, plaintext] };
    case 'refused':
      return { transport_socket: spellUpstreamTls(ir.wire, []), transport_socket_matches: mesh };
    case 'origination':
      return { transport_socket: spellOrigination(outside), transport_socket_matches: mesh };
  }
}

/**
 * The first that matches counts. An endpoint of a Service that does not stand in any more has to
 * prove what the called one's have: it never falls back to plaintext.
 */
function spellMeshSockets(ir: ClusterIr): ClusterTransportSocketMatch[] {
  return [
    ...ir.standIns.map(({ service, spiffeIds }) => ({
      name: `mesh of ${service}`,
      match: meshMatch(service),
      transport_socket: spellUpstreamTls(ir.wire, spiffeIds),
    })),
    {
      name: 'mesh',
      match: { skerry: 'mtls' },
      transport_socket: spellUpstreamTls(ir.wire, ir.spiffeIds),
    },
  ];
}
