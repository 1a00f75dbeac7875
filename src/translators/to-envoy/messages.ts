/** Short names for the Envoy messages that are spelled here. */
import type {
  AnyMessage,
  envoy_config_accesslog_v3_AccessLog,
  envoy_config_accesslog_v3_AccessLogFilter,
  envoy_config_cluster_v3_Cluster,
  envoy_config_cluster_v3_Cluster_TransportSocketMatch,
  envoy_config_core_v3_Address,
  envoy_config_core_v3_CidrRange,
  envoy_config_core_v3_ConfigSource,
  envoy_config_core_v3_HeaderValueOption,
  envoy_config_core_v3_TransportSocket,
  envoy_config_endpoint_v3_ClusterLoadAssignment,
  envoy_config_endpoint_v3_LbEndpoint,
  envoy_config_listener_v3_Filter,
  envoy_config_listener_v3_FilterChain,
  envoy_config_listener_v3_FilterChainMatch,
  envoy_config_listener_v3_Listener,
  envoy_config_listener_v3_ListenerFilter,
  envoy_config_listener_v3_ListenerFilterChainMatchPredicate,
  envoy_config_rbac_v3_Policy,
  envoy_config_rbac_v3_Principal,
  envoy_config_rbac_v3_RBAC,
  envoy_config_route_v3_HeaderMatcher,
  envoy_config_route_v3_QueryParameterMatcher,
  envoy_config_route_v3_RedirectAction,
  envoy_config_route_v3_RetryPolicy,
  envoy_config_route_v3_Route,
  envoy_config_route_v3_RouteAction,
  envoy_config_route_v3_RouteConfiguration,
  envoy_config_route_v3_RouteMatch,
  envoy_config_route_v3_VirtualHost,
  envoy_config_common_mutation_rules_v3_HeaderMutation,
  envoy_extensions_filters_network_http_connection_manager_v3_HttpConnectionManager,
  envoy_extensions_filters_network_http_connection_manager_v3_HttpFilter,
  envoy_extensions_filters_network_tcp_proxy_v3_TcpProxy,
  envoy_extensions_filters_http_rbac_v3_RBAC,
  envoy_type_matcher_v3_StringMatcher,
} from '../../../gen/envoy.js';

/** `envoy.config.accesslog.v3.AccessLog`. */
export type AccessLog = envoy_config_accesslog_v3_AccessLog;
/** `envoy.config.accesslog.v3.AccessLogFilter`. */
export type AccessLogFilter = envoy_config_accesslog_v3_AccessLogFilter;
/** `envoy.config.core.v3.Address`. */
export type Address = envoy_config_core_v3_Address;
/** A message inside `google.protobuf.Any`. */
export type TypedConfig = AnyMessage;
/** `envoy.config.core.v3.CidrRange`. */
export type CidrRange = envoy_config_core_v3_CidrRange;
/** `envoy.config.cluster.v3.Cluster`. */
export type Cluster = envoy_config_cluster_v3_Cluster;
/** `envoy.config.endpoint.v3.ClusterLoadAssignment`. */
export type ClusterLoadAssignment = envoy_config_endpoint_v3_ClusterLoadAssignment;
/** `envoy.config.core.v3.ConfigSource`. */
export type ConfigSource = envoy_config_core_v3_ConfigSource;
/** `envoy.config.listener.v3.FilterChain`. */
export type FilterChain = envoy_config_listener_v3_FilterChain;
/** `envoy.config.listener.v3.FilterChainMatch`. */
export type FilterChainMatch = envoy_config_listener_v3_FilterChainMatch;
/** `envoy.config.route.v3.HeaderMatcher`. */
export type HeaderMatcher = envoy_config_route_v3_HeaderMatcher;
/** `envoy.config.core.v3.HeaderValueOption`. */
export type HeaderValueOption = envoy_config_core_v3_HeaderValueOption;
/** `envoy.config.endpoint.v3.LbEndpoint`. */
export type LbEndpoint = envoy_config_endpoint_v3_LbEndpoint;
/** `envoy.config.listener.v3.Listener`. */
export type Listener = envoy_config_listener_v3_Listener;
/** `envoy.config.listener.v3.ListenerFilter`. */
export type ListenerFilter = envoy_config_listener_v3_ListenerFilter;
/** `envoy.config.listener.v3.ListenerFilterChainMatchPredicate`. */
export type ListenerPredicate = envoy_config_listener_v3_ListenerFilterChainMatchPredicate;
/** `envoy.config.listener.v3.Filter`. */
export type NetworkFilter = envoy_config_listener_v3_Filter;
/** `envoy.config.rbac.v3.Principal`. */
export type Principal = envoy_config_rbac_v3_Principal;
/** `envoy.config.route.v3.QueryParameterMatcher`. */
export type QueryParameterMatcher = envoy_config_route_v3_QueryParameterMatcher;
/** `envoy.config.rbac.v3.RBAC`. */
export type RbacRules = envoy_config_rbac_v3_RBAC;
/** `envoy.config.rbac.v3.Policy`. */
export type RbacPolicy = envoy_config_rbac_v3_Policy;
/** `envoy.config.route.v3.RedirectAction`. */
export type RedirectAction = envoy_config_route_v3_RedirectAction;
/** `envoy.config.route.v3.RetryPolicy`. */
export type RetryPolicy = envoy_config_route_v3_RetryPolicy;
/** `envoy.config.route.v3.Route`. */
export type Route = envoy_config_route_v3_Route;
/** `envoy.config.route.v3.RouteAction`. */
export type RouteAction = envoy_config_route_v3_RouteAction;
/** `envoy.config.route.v3.RouteConfiguration`. */
export type RouteConfiguration = envoy_config_route_v3_RouteConfiguration;
/** `envoy.config.route.v3.RouteMatch`. */
export type RouteMatch = envoy_config_route_v3_RouteMatch;
/** `envoy.type.matcher.v3.StringMatcher`. */
export type StringMatcher = envoy_type_matcher_v3_StringMatcher;
/** `envoy.config.core.v3.TransportSocket`. */
export type TransportSocket = envoy_config_core_v3_TransportSocket;
/** `envoy.config.cluster.v3.Cluster.TransportSocketMatch`. */
export type TransportSocketMatch = envoy_config_cluster_v3_Cluster_TransportSocketMatch;
/** `envoy.config.route.v3.VirtualHost`. */
export type VirtualHost = envoy_config_route_v3_VirtualHost;
/** `envoy.config.common.mutation.rules.v3.HeaderMutation`. */
export type HeaderMutation = envoy_config_common_mutation_rules_v3_HeaderMutation;
/** `envoy.extensions.filters.network.http.connection.manager.v3.HttpConnectionManager`. */
export type HttpConnectionManager =
  envoy_extensions_filters_network_http_connection_manager_v3_HttpConnectionManager;
/** `envoy.extensions.filters.network.http.connection.manager.v3.HttpFilter`. */
export type HttpFilter = envoy_extensions_filters_network_http_connection_manager_v3_HttpFilter;
/** `envoy.extensions.filters.network.tcp.proxy.v3.TcpProxy`. */
export type TcpProxy = envoy_extensions_filters_network_tcp_proxy_v3_TcpProxy;
/** `envoy.extensions.filters.http.rbac.v3.RBAC`. */
export type HttpRbac = envoy_extensions_filters_http_rbac_v3_RBAC;
