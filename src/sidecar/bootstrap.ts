/** The sidecar's bootstrap and its two SDS files: pure, from who it is and where its control plane is. */
import { isIP } from 'node:net';
import {
  adminCluster,
  clockHeader,
  controlPlaneCluster,
  metricsPort,
  nodeMetadataKeys,
} from './ports.js';
import { statsPatterns, type StatsProfile } from './stats.js';

/** A value of a configuration file. */
export type Json = string | number | boolean | readonly Json[] | JsonObject;

/** An object of a configuration file. */
export interface JsonObject {
  readonly [name: string]: Json;
}

const types = {
  tls: 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
  secret: 'envoy.extensions.transport_sockets.tls.v3.Secret',
  http: 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
  injector: 'envoy.extensions.filters.http.credential_injector.v3.CredentialInjector',
  generic: 'envoy.extensions.http.injected_credentials.generic.v3.Generic',
  headerMutation: 'envoy.extensions.filters.http.header_mutation.v3.HeaderMutation',
  upstreamCodec: 'envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec',
  connections:
    'envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
  connectionManager:
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
  router: 'envoy.extensions.filters.http.router.v3.Router',
  internalListener: 'envoy.extensions.bootstrap.internal_listener.v3.InternalListener',
} as const;

const tokenSecret = 'control-plane-token';
const bundleSecret = 'control-plane-ca';
const maxDownstreamConnections = 50_000;
/** Longest path of a unix socket (sun_path of unix(7), less its closing zero). */
const maxSocketPathBytes = 107;

/** Where things rest in the sidecar's own file system; absolute. */
export interface SidecarPaths {
  /** Its private key, PEM. */
  readonly key: string;
  /** The token that says who it is; may be replaced at any time by a rename. */
  readonly token: string;
  /** The control plane's trust bundle, PEM; likewise. */
  readonly rootBundle: string;
  /** Unix socket of the admin interface, 107 bytes at most; made 0600. */
  readonly adminSocket: string;
  /** Where the two SDS files lie. */
  readonly sdsDirectory: string;
}

/** What a bootstrap is made from. */
export interface BootstrapOptions {
  /** `namespace/pod`: the pod's key, which the token must agree with. */
  readonly nodeId: string;
  /** The service account; becomes `node.cluster`. */
  readonly serviceAccount: string;
  /** The certificate request, PEM. */
  readonly csr: string;
  readonly podUid: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly controlPlane: {
    /** An address, or a name that is resolved. */
    readonly address: string;
    readonly port: number;
    /** The DNS name its certificate must carry. */
    readonly serverName: string;
  };
  readonly paths: SidecarPaths;
  readonly adsVariant: 'delta' | 'sotw';
  readonly statsProfile: StatsProfile;
  /** What the metrics listener binds; default every IPv4 address. */
  readonly metricsAddress?: string;
}

/** A bootstrap and the files it refers to. */
export interface Bootstrap {
  readonly bootstrap: Json;
  /** By name, to lie in `paths.sdsDirectory`. */
  readonly files: { readonly 'sds-token.json': Json; readonly 'sds-ca.json': Json };
}

function typed(type: keyof typeof types, fields: JsonObject = {}): JsonObject {
  return { '@type': `type.googleapis.com/${types[type]}`, ...fields };
}

function socketAddress(address: string, port: number): Json {
  return { socket_address: { address, port_value: port } };
}

function assignment(name: string, address: Json): Json {
  return {
    cluster_name: name,
    endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
  };
}

/** File SDS: a static cluster with SDS over ADS crashes stock Envoy 1.40 at start. */
function fileSds(name: string, path: string): Json {
  return { name, sds_config: { resource_api_version: 'V3', path_config_source: { path } } };
}

/** Sends the token with each stream; Envoy reads it again when the file is replaced. */
function credentialInjector(options: BootstrapOptions): Json {
  return {
    name: 'envoy.filters.http.credential_injector',
    typed_config: typed('injector', {
      overwrite: true,
      credential: {
        name: 'envoy.http.injected_credentials.generic',
        typed_config: typed('generic', {
          header: 'authorization',
          header_value_prefix: 'Bearer ',
          credential: fileSds(tokenSecret, `${options.paths.sdsDirectory}/sds-token.json`),
        }),
      },
    }),
  };
}

/** Says with each stream what time it is here; in a gRPC service's own metadata Envoy fills nothing in. */
function clockTeller(): Json {
  const header = { key: clockHeader, value: '%START_TIME(%s)%' };
  return {
    name: 'envoy.filters.http.header_mutation',
    typed_config: typed('headerMutation', {
      mutations: {
        request_mutations: [{ append: { header, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' } }],
      },
    }),
  };
}

function controlPlane(options: BootstrapOptions): Json {
  const { address, port, serverName } = options.controlPlane;
  const isAddress = isIP(address) !== 0;
  return {
    name: controlPlaneCluster,
    type: isAddress ? 'STATIC' : 'STRICT_DNS',
    ...(isAddress ? {} : { dns_lookup_family: 'ALL' }),
    connect_timeout: '1s',
    load_assignment: assignment(controlPlaneCluster, socketAddress(address, port)),
    upstream_connection_options: {
      tcp_keepalive: { keepalive_probes: 3, keepalive_time: 30, keepalive_interval: 5 },
    },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed('http', {
        explicit_http_config: {
          // Without it a peer that died silently is noticed never.
          http2_protocol_options: { connection_keepalive: { interval: '30s', timeout: '5s' } },
        },
        http_filters: [
          clockTeller(),
          credentialInjector(options),
          { name: 'envoy.filters.http.upstream_codec', typed_config: typed('upstreamCodec') },
        ],
      }),
    },
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: typed('tls', {
        sni: serverName,
        common_tls_context: {
          alpn_protocols: ['h2'],
          tls_params: {
            tls_minimum_protocol_version: 'TLSv1_3',
            tls_maximum_protocol_version: 'TLSv1_3',
          },
          validation_context_sds_secret_config: fileSds(
            bundleSecret,
            `${options.paths.sdsDirectory}/sds-ca.json`,
          ),
        },
      }),
    },
  };
}

/** Metrics without the rest of the admin interface: one path, one method. */
function metricsListener(options: BootstrapOptions): Json {
  const isPrometheus = {
    path: '/stats/prometheus',
    headers: [{ name: ':method', string_match: { exact: 'GET' } }],
  };
  const routes = [
    { match: isPrometheus, route: { cluster: adminCluster } },
    { match: { prefix: '/' }, direct_response: { status: 404 } },
  ];
  return {
    name: 'metrics',
    address: socketAddress(options.metricsAddress ?? '0.0.0.0', metricsPort),
    // Metrics are wanted most when connections run out.
    ignore_global_conn_limit: true,
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: typed('connectionManager', {
              stat_prefix: 'metrics',
              route_config: {
                name: 'metrics',
                virtual_hosts: [{ name: 'metrics', domains: ['*'], routes }],
              },
              http_filters: [{ name: 'envoy.filters.http.router', typed_config: typed('router') }],
            }),
          },
        ],
      },
    ],
  };
}

function dynamicResources(variant: BootstrapOptions['adsVariant']): Json {
  const ads = { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' };
  return {
    ads_config: {
      api_type: variant === 'delta' ? 'DELTA_GRPC' : 'GRPC',
      transport_api_version: 'V3',
      set_node_on_first_message_only: true,
      grpc_services: [{ envoy_grpc: { cluster_name: controlPlaneCluster } }],
    },
    // The first answer is waited for without end: an empty configuration would let calls fail.
    cds_config: ads,
    lds_config: ads,
  };
}

/**
 * The end of a connection behind a listener behind a listener is no reset: taken for one, what was
 * written last would be dropped on its way to the app (measured on 1.40). Real sockets keep theirs.
 */
const fixedRuntime: JsonObject = {
  'envoy.reloadable_features.enable_send_rst_on_user_space_socket': false,
};

function overloadManager(): Json {
  return {
    resource_monitors: [
      {
        name: 'envoy.resource_monitors.global_downstream_max_connections',
        typed_config: typed('connections', {
          max_active_downstream_connections: maxDownstreamConnections,
        }),
      },
    ],
  };
}

function sdsFile(name: string, secret: JsonObject): Json {
  return { resources: [typed('secret', { name, ...secret })] };
}

function directoryOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

/** What is wrong with the options, in words; empty when nothing is. */
export function checkBootstrapOptions(options: BootstrapOptions): readonly string[] {
  const { adminSocket } = options.paths;
  const relative = Object.entries<string>({ ...options.paths }).filter(
    ([, path]) => !path.startsWith('/'),
  );
  const { port } = options.controlPlane;
  return [
    ...relative.map(([name, path]) => `expected ${name} as an absolute path, found ${path}`),
    ...(Buffer.byteLength(adminSocket) > maxSocketPathBytes
      ? [
          `expected an admin socket path of at most ${maxSocketPathBytes} bytes, found ${adminSocket}`,
        ]
      : []),
    ...(/^[^/]+\/[^/]+$/.test(options.nodeId)
      ? []
      : [`expected a node id of the form namespace/pod, found ${options.nodeId}`]),
    ...(Number.isInteger(port) && port > 0 && port < 65536
      ? []
      : [`expected the control plane's port from 1 to 65535, found ${port}`]),
  ];
}

/** The bootstrap. The options must pass `checkBootstrapOptions`. */
export function bootstrap(options: BootstrapOptions): Bootstrap {
  const { paths, controlPlane: server } = options;
  const patterns = statsPatterns(options.statsProfile);
  const ca = {
    validation_context: {
      trusted_ca: { filename: paths.rootBundle },
      watched_directory: { path: directoryOf(paths.rootBundle) },
      match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: server.serverName } }],
    },
  };
  return {
    bootstrap: {
      node: {
        id: options.nodeId,
        cluster: options.serviceAccount,
        metadata: {
          [nodeMetadataKeys.csr]: options.csr,
          [nodeMetadataKeys.keyFile]: paths.key,
          [nodeMetadataKeys.podUid]: options.podUid,
          [nodeMetadataKeys.labels]: options.labels ?? {},
        },
      },
      admin: { address: { pipe: { path: paths.adminSocket, mode: 0o600 } } },
      dynamic_resources: dynamicResources(options.adsVariant),
      static_resources: {
        listeners: [metricsListener(options)],
        clusters: [
          controlPlane(options),
          {
            name: adminCluster,
            type: 'STATIC',
            connect_timeout: '1s',
            load_assignment: assignment(adminCluster, { pipe: { path: paths.adminSocket } }),
          },
        ],
      },
      // Listeners behind listeners, for what egress policies allow.
      bootstrap_extensions: [
        { name: 'envoy.bootstrap.internal_listener', typed_config: typed('internalListener') },
      ],
      layered_runtime: { layers: [{ name: 'fixed', static_layer: fixedRuntime }] },
      overload_manager: overloadManager(),
      ...(patterns === undefined
        ? {}
        : { stats_config: { stats_matcher: { inclusion_list: { patterns } } } }),
    },
    files: {
      'sds-token.json': sdsFile(tokenSecret, {
        generic_secret: { secret: { filename: paths.token } },
      }),
      'sds-ca.json': sdsFile(bundleSecret, ca),
    },
  };
}
