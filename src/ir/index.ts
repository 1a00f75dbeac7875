/** The mesh's decisions, before they are spelled for Envoy. */
export {
  callersScope,
  meshScope,
  namespaceScope,
  podScope,
  zoneScope,
  type Scope,
} from './scope.js';
export type { Origin, SettingIr } from './origin.js';
export {
  formatAddress,
  formatClusterName,
  parseClusterName,
  type ClusterName,
  type Wire,
} from './name.js';
export type {
  BalancingIr,
  ClusterIr,
  ClusterKindIr,
  ClusterTlsIr,
  ConnectionsIr,
  EgressIr,
  EndpointGroupIr,
  EndpointIr,
  EndpointsIr,
  OutboundListenerIr,
  OutboundRoutesIr,
  OutlierDetectionIr,
  OutsideTlsIr,
  PlacementIr,
  RetryBudgetIr,
  RetryIr,
  RouteActionIr,
  RouteIr,
  RouteMatchIr,
  VirtualHostIr,
} from './outbound.js';
export type {
  AuthorizationIr,
  AuthorizationRuleIr,
  CallerIr,
  CallerTermIr,
  ConditionIr,
  InboundConnectionsIr,
  InboundIr,
  InboundPortIr,
  OperationIr,
  RateLimitIr,
  TokenProblem,
} from './inbound.js';
export type { ReadinessIr } from './readiness.js';
export type { FetchedKeysIr, JwtIr, JwtIssuerIr } from './jwt.js';
