/** The HTTP connection manager: what both directions share, so that both sides read a request alike. */
import { spellHttpAccessLog, type Direction } from './access-log.js';
import type {
  AccessLog,
  HttpConnectionManager,
  HttpFilter,
  TypedMessage,
  NetworkFilter,
} from '../../envoy/index.js';
import type { SpellSettings } from './settings.js';
import { spellAdsSource } from './values.js';

type EarlyMutations = NonNullable<
  TypedMessage<'envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation'>['mutations']
>;

/** What differs between one HTTP chain and another. */
export interface HttpConnectionOptions {
  readonly direction: Direction;
  readonly routes: string;
  /** Applied before the route is chosen, after control headers are dropped. */
  readonly earlyMutations: EarlyMutations;
  /** Stand before the router. */
  readonly filters: readonly HttpFilter[];
  /** Logs beside the one that the mesh is told to write. */
  readonly logs?: readonly AccessLog[];
  /** Fields that only this direction sets. */
  readonly more: HttpConnectionManager;
}

/** Longer, on the side that accepts, than a policy lets callers keep an idle connection: the caller closes first. */
const idleTimeout = '3660s';
const streamIdleTimeout = '3600s';

/** The filter for one chain; its routes come over RDS. */
export function spellHttpConnection(
  options: HttpConnectionOptions,
  settings: SpellSettings,
): NetworkFilter {
  const { direction, routes } = options;
  return wrapHttpConnection({
    stat_prefix: `${direction}_http`,
    codec_type: 'AUTO',
    rds: { route_config_name: routes, config_source: spellAdsSource() },
    // A sniffed or declared HTTP/1.0 client must not be told to upgrade; a request without Host
    // gets this one, since HTTP/1.1 upstream demands it.
    http_protocol_options: { accept_http_10: true, default_host_for_http_10: 'localhost' },
    http2_protocol_options: { allow_connect: true },
    upgrade_configs: [{ upgrade_type: 'websocket' }],
    // Paths are compared after the same normalisation on both sides.
    normalize_path: true,
    merge_slashes: true,
    path_with_escaped_slashes_action: 'REJECT_REQUEST',
    // The app's requests and answers pass as they are: nothing is added, nothing signed by Envoy.
    server_header_transformation: 'PASS_THROUGH',
    generate_request_id: false,
    common_http_protocol_options: { idle_timeout: idleTimeout },
    stream_idle_timeout: streamIdleTimeout,
    early_header_mutation_extensions: [
      {
        name: 'envoy.http.early_header_mutation.header_mutation',
        typed_config: {
          '@type':
            'type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation',
          // Envoy obeys these headers (timeouts, retries): a caller must not command the sidecar.
          mutations: [
            { remove_on_match: { key_matcher: { prefix: 'x-envoy-' } } },
            ...options.earlyMutations,
          ],
        },
      },
    ],
    http_filters: [...options.filters, spellRouter()],
    access_log: [...spellHttpAccessLog(direction, settings), ...(options.logs ?? [])],
    ...options.more,
  });
}

/** A connection manager as a network filter. */
export function wrapHttpConnection(manager: HttpConnectionManager): NetworkFilter {
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type':
        'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
      ...manager,
    },
  };
}

/** The router, which adds no headers of its own. */
export function spellRouter(): HttpFilter {
  return {
    name: 'envoy.filters.http.router',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
      suppress_envoy_headers: true,
    },
  };
}
