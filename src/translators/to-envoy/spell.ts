/** IR spelled as Envoy messages; spelling decides nothing. */
export { spellCluster, spellFixedClusters } from './cluster.js';
export { spellCredential } from './credential.js';
export { spellEgressResources } from './egress.js';
export { spellEndpoints } from './endpoints.js';
export { spellInbound } from './inbound.js';
export { spellNoTokenConfig, spellTokenConfig } from './jwt.js';
export { spellOutboundListener } from './outbound-listener.js';
export { spellOutboundRoutes } from './outbound-routes.js';
export { spellListening, spellReadiness, spellReadinessClusters } from './readiness.js';
export { type SpellSettings } from './settings.js';
export { spellVirtualHost } from './virtual-host.js';
