/**
 * Calls that leave the mesh under KnownOnly: an inner listener of the sidecar, behind the outbound
 * one, where they are told apart by address, by SNI and by Host. It has inspectors and chains of its
 * own, so that a change of what is allowed touches no connection inside the mesh (decision 0026).
 */
import type { EgressIr, OutboundListenerIr } from '../../ir/index.js';
import { allowedCidrs, allowedHosts, portsOfHosts } from '../policies/egress/allowed.js';
import { spellCircuitBreakers } from './cluster-limits.js';
import { egressHostsClusterName, egressName, passthroughClusterName } from './contract.js';
import { deniedByKey } from './gate.js';
import { spellHttpConnection } from './http-connection.js';
import {
  sniffedHttp,
  spellHttpInspector,
  spellOriginalDst,
  spellPortPredicate,
  spellTlsInspector,
} from './listener-filters.js';
import type {
  Cluster,
  FilterChain,
  FilterChainMatch,
  Listener,
  NetworkFilter,
  RouteConfiguration,
  VirtualHost,
} from '../../envoy/index.js';
import type { SpellSettings } from './settings.js';
import { spellRefusal, spellTcpProxy } from './tcp-connection.js';
import { spellCidr } from './values.js';

/** The resources of the inner listener, in the order in which they are needed. */
export interface EgressResources {
  readonly clusters: readonly Cluster[];
  readonly routes: RouteConfiguration;
  readonly listener: Listener;
}

/** Whether calls that leave the mesh pass the inner listener. */
export function hasEgressListener({ meshCidrs, egress }: OutboundListenerIr): boolean {
  return meshCidrs.length > 0 && egress.mode === 'KnownOnly' && egress.allow.length > 0;
}

/** The inner listener with what it refers to; undefined where {@link hasEgressListener} is false. */
export function spellEgressResources(
  ir: OutboundListenerIr,
  settings: SpellSettings,
): EgressResources | undefined {
  if (!hasEgressListener(ir)) return undefined;
  return {
    clusters: spellClusters(),
    routes: spellRoutes(ir.egress),
    listener: spellListener(ir.egress, settings),
  };
}

/** The chain of the outbound listener that takes calls to addresses outside the mesh. */
export function spellEgressChain(ir: OutboundListenerIr, settings: SpellSettings): FilterChain {
  const proxy = (stat: string, cluster: string): NetworkFilter =>
    spellTcpProxy({ direction: 'outbound', stat, cluster }, settings);
  switch (ir.egress.mode) {
    case 'AllowAny':
      return { name: 'passthrough', filters: [proxy('passthrough', passthroughClusterName)] };
    case 'KnownOnly':
      return hasEgressListener(ir)
        ? { name: egressName, filters: [spellHandover(), proxy(egressName, egressName)] }
        : { name: 'refused', filters: spellRefused(ir.egress, settings) };
  }
}

/** Lets the inner listener see who called which address. */
function spellHandover(): NetworkFilter {
  const tell = (side: string, format: string): StateEntry => ({
    object_key: `envoy.filters.listener.original_dst.${side}`,
    shared_with_upstream: 'ONCE',
    format_string: { text_format_source: { inline_string: format } },
  });
  return spellState([
    tell('local_ip', '%DOWNSTREAM_LOCAL_ADDRESS%'),
    tell('remote_ip', '%DOWNSTREAM_REMOTE_ADDRESS%'),
  ]);
}

/** Closed at once; the log names the policy. */
function spellRefused({ decidedBy }: EgressIr, settings: SpellSettings): NetworkFilter[] {
  const state: StateEntry = {
    object_key: deniedByKey,
    factory_key: 'envoy.string',
    format_string: { text_format_source: { inline_string: ruleName(decidedBy) } },
  };
  return [spellState([state]), spellRefusal('outbound', settings)];
}

/** As rules are named everywhere: `namespace/policy/rule`. */
function ruleName(policy: string): string {
  return `${policy}/egress`;
}

type StateConfig = Extract<
  NonNullable<NetworkFilter['typed_config']>,
  {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.set_filter_state.v3.Config';
  }
>;
type StateEntry = NonNullable<StateConfig['on_new_connection']>[number];

function spellState(entries: readonly StateEntry[]): NetworkFilter {
  return {
    name: 'envoy.filters.network.set_filter_state',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.set_filter_state.v3.Config',
      on_new_connection: entries,
    },
  };
}

/** Found alike by all that share its name: the cluster, and both filters. */
const dnsCache = {
  name: egressName,
  dns_lookup_family: 'V4_ONLY',
  typed_dns_resolver_config: {
    name: 'envoy.network.dns_resolver.cares',
    typed_config: {
      '@type':
        'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig',
      // Hosts are written whole; a search domain could lead a.example to a.example.<namespace>.svc.
      dns_resolver_options: { no_default_search_domain: true },
    },
  },
} as const;

function spellClusters(): Cluster[] {
  return [
    {
      name: egressName,
      type: 'STATIC',
      circuit_breakers: spellCircuitBreakers(),
      load_assignment: {
        cluster_name: egressName,
        endpoints: [
          {
            lb_endpoints: [
              {
                endpoint: {
                  address: { envoy_internal_address: { server_listener_name: egressName } },
                },
              },
            ],
          },
        ],
      },
      transport_socket: {
        name: 'envoy.transport_sockets.internal_upstream',
        typed_config: {
          '@type':
            'type.googleapis.com/envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport',
          transport_socket: {
            name: 'envoy.transport_sockets.raw_buffer',
            typed_config: {
              '@type':
                'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer',
            },
          },
        },
      },
    },
    {
      name: egressHostsClusterName,
      connect_timeout: '5s',
      circuit_breakers: spellCircuitBreakers(),
      lb_policy: 'CLUSTER_PROVIDED',
      cluster_type: {
        name: 'envoy.clusters.dynamic_forward_proxy',
        typed_config: {
          '@type':
            'type.googleapis.com/envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig',
          dns_cache_config: dnsCache,
          // What is secure here is the app's own TLS, which passes as it is.
          allow_insecure_cluster_options: true,
        },
      },
      typed_extension_protocol_options: {
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
          '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
          // Servers out there close idle connections after 2 s and more; a request must not meet it.
          common_http_protocol_options: { idle_timeout: '1s' },
          use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: {} },
        },
      },
    },
  ];
}

/**
 * The Host decides, port included, and nothing else: Envoy connects to the host and port that it
 * names, wherever the app meant to go.
 */
function spellRoutes(egress: EgressIr): RouteConfiguration {
  const domains = new Map<string, string[]>();
  for (const port of portsOfHosts(egress)) {
    for (const host of allowedHosts(egress, port)) {
      const own = domains.get(host) ?? [];
      // Who leaves the port out means 80 (RFC 9110, section 4.2.1).
      own.push(...(port === 80 ? [host] : []), `${host}:${String(port)}`);
      domains.set(host, own);
    }
  }
  const hosts = [...domains].map(([host, own]): VirtualHost => ({
    name: host,
    domains: own,
    routes: [
      {
        name: ruleName(egress.decidedBy),
        match: { prefix: '/' },
        route: {
          cluster: egressHostsClusterName,
          timeout: '0s',
          // Only what the server cannot have seen, as inside the mesh.
          retry_policy: {
            retry_on: 'connect-failure,refused-stream,reset-before-request',
            num_retries: 2,
          },
        },
      },
    ],
  }));
  const refusal: VirtualHost = {
    name: 'refused',
    domains: ['*'],
    routes: [
      {
        name: ruleName(egress.decidedBy),
        match: { prefix: '/' },
        direct_response: {
          status: 403,
          body: {
            inline_string: `TrafficPolicy ${egress.decidedBy} refuses this host: outbound.egress is KnownOnly, and its allow list does not have it on this port\n`,
          },
        },
      },
    ],
  };
  return { name: egressName, virtual_hosts: [...hosts, refusal] };
}

function spellListener(egress: EgressIr, settings: SpellSettings): Listener {
  const byName = spellPortPredicate(portsOfHosts(egress));
  // What goes by address is not read: its server may speak first.
  const others = byName && { not_match: byName };
  return {
    name: egressName,
    internal_listener: {},
    traffic_direction: 'OUTBOUND',
    listener_filters: [
      spellOriginalDst(),
      ...(others === undefined ? [] : [spellTlsInspector(others), spellHttpInspector(others)]),
    ],
    listener_filters_timeout: '5s',
    continue_on_listener_filters_timeout: true,
    filter_chains: spellChains(egress, settings),
    default_filter_chain: { name: 'egress/refused', filters: spellRefused(egress, settings) },
  };
}

/**
 * By port first, for Envoy never goes back from a port's chains to those without one; of a port by
 * address, and what is no allowed address by name. Each entry has chains of its own, so that a
 * change of another leaves its connections alone.
 */
function spellChains(egress: EgressIr, settings: SpellSettings): FilterChain[] {
  const ports = new Set(egress.allow.flatMap((entry) => entry.ports ?? []));
  const chain = (
    name: string,
    match: FilterChainMatch,
    filters: readonly NetworkFilter[],
  ): FilterChain => ({ name: `egress/${name}`, filter_chain_match: match, filters });
  const proxy = (stat: string, cluster: string): NetworkFilter =>
    spellTcpProxy({ direction: 'outbound', stat: `egress_${stat}`, cluster }, settings);
  const byAddress = (port?: number): FilterChain[] =>
    allowedCidrs(egress, port).map((cidr) => {
      const match = {
        ...(port === undefined ? {} : { destination_port: port }),
        prefix_ranges: [spellCidr(cidr)],
      };
      const name = `address/${port === undefined ? '*' : String(port)}/${cidr}`;
      return chain(name, match, [proxy('address', passthroughClusterName)]);
    });
  const byName = (port: number): FilterChain[] => {
    const hosts = allowedHosts(egress, port);
    if (hosts.length === 0) return [];
    const tls = hosts.map((host) =>
      chain(
        `tls/${String(port)}/${host}`,
        { destination_port: port, transport_protocol: 'tls', server_names: [host] },
        [spellByServerName(port), proxy('tls', egressHostsClusterName)],
      ),
    );
    const match = {
      destination_port: port,
      transport_protocol: 'raw_buffer',
      application_protocols: sniffedHttp,
    };
    return [...tls, chain(`http/${String(port)}`, match, [spellHttp(settings)])];
  };
  return [
    ...[...ports].sort((a, b) => a - b).flatMap((port) => [...byAddress(port), ...byName(port)]),
    ...byAddress(),
  ];
}

function spellByServerName(port: number): NetworkFilter {
  return {
    name: 'envoy.filters.network.sni_dynamic_forward_proxy',
    typed_config: {
      '@type':
        'type.googleapis.com/envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig',
      port_value: port,
      dns_cache_config: dnsCache,
    },
  };
}

function spellHttp(settings: SpellSettings): NetworkFilter {
  return spellHttpConnection(
    {
      direction: 'outbound',
      routes: egressName,
      earlyMutations: [],
      filters: [
        {
          name: 'envoy.filters.http.dynamic_forward_proxy',
          typed_config: {
            '@type':
              'type.googleapis.com/envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig',
            dns_cache_config: dnsCache,
          },
        },
      ],
      more: {
        stat_prefix: 'outbound_egress_http',
        forward_client_cert_details: 'SANITIZE',
        // No rule looks at paths there: what the app asks for is the server's own affair.
        normalize_path: false,
        merge_slashes: false,
        path_with_escaped_slashes_action: 'KEEP_UNCHANGED',
      },
    },
    settings,
  );
}
