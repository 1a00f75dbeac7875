/** Names and ports that the spelled resources share with each other and with the sidecar's rules. */

/** Where redirected calls of the app arrive. */
export const outboundPort = 15001;
/** Where redirected calls to the app arrive. */
export const inboundPort = 15006;
/** Readiness and probes. */
export const readinessPort = 15021;
/** Metrics of the sidecar. */
export const metricsPort = 15090;
/** No port of an app. */
export const ownPorts: readonly number[] = [outboundPort, inboundPort, readinessPort, metricsPort];

/** Carries the cluster's name from the early header mutation to the route; never leaves the sidecar. */
export const destinationHeader = 'x-skerry-dst';
/** The outbound RouteConfiguration; virtual hosts are named `http/<address>`. */
export const outboundRoutesName = 'http';

/**
 * On an answer of the callee's sidecar: no connection to the app could be made, so that the app has
 * not seen the call. It is taken from what apps answer, and never reaches the caller's app.
 */
export const unprocessedHeader = 'x-skerry-unprocessed';

/** ALPN of mesh TLS with HTTP inside. */
export const httpAlpn = 'skerry-http';
/** ALPN of mesh TLS with any other bytes inside. */
export const tcpAlpn = 'skerry-tcp';

/** The control plane itself; from the sidecar's bootstrap. */
export const controlPlaneClusterName = 'skerry_control_plane';
/** To the app of this pod. */
export const inboundClusterName = 'inbound';
/** To the address that was called, in plaintext. */
export const passthroughClusterName = 'passthrough';
/** To nobody. */
export const refuseClusterName = 'refuse';
/** Under KnownOnly with something allowed: the inner listener, its routes, and the cluster that leads there. */
export const egressName = 'egress';
/** To the host that the connection names, at the address that Envoy looks up. */
export const egressHostsClusterName = 'egress-hosts';
/** The sidecar's own listeners, health-checked; no request goes there. */
export const listeningClusterName = 'listening';
