// The type URLs of what travels over xDS, and the order in which it is pushed.

/** Type URLs of the resources that Envoy subscribes to. */
export const typeUrls = {
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoint: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  secret: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  route: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  virtualHost: 'type.googleapis.com/envoy.config.route.v3.VirtualHost',
  extensionConfig: 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig',
} as const;

/** One of the type URLs above. */
export type ResourceTypeUrl = (typeof typeUrls)[keyof typeof typeUrls];

/**
 * The order of pushes that never lets a reference point at nothing; removals go the other way.
 * Clusters before their endpoints, both and the secrets before listeners, routes after these
 * (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol, "Eventual consistency
 * considerations"); virtual hosts belong to a route configuration and follow it.
 */
export const pushOrder: readonly ResourceTypeUrl[] = [
  typeUrls.cluster,
  typeUrls.endpoint,
  typeUrls.secret,
  typeUrls.extensionConfig,
  typeUrls.listener,
  typeUrls.route,
  typeUrls.virtualHost,
];

/** `Cluster` for `type.googleapis.com/envoy.config.cluster.v3.Cluster`: for people and metrics. */
export function shortTypeName(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
}
