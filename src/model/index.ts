/** The nouns of the mesh: plain readonly data and ids. */
export {
  serviceKey,
  podKey,
  sliceKey,
  policyKey,
  keySetKey,
  caBundleKey,
  credentialKey,
  spiffeId,
  namespaceOf,
  nameOf,
  type ServiceKey,
  type PodKey,
  type SliceKey,
  type PolicyKey,
  type KeySetKey,
  type CaBundleKey,
  type CredentialKey,
  type SpiffeId,
} from './ids.js';
export { formatRef, type Diagnostic, type ObjectRef, type SourcePosition } from './diagnostic.js';
export { diagnosticCodes, type DiagnosticCode } from './diagnostic-codes.js';
export type {
  ContainerPort,
  EndpointSlice,
  Labels,
  Namespace,
  Node,
  Pod,
  PortProtocol,
  Service,
  ServicePort,
  SliceEndpoint,
} from './kubernetes.js';
export {
  lingerPath,
  originalProbeHeader,
  probeKinds,
  probePath,
  type Probe,
  type ProbeCheck,
  type ProbeHeader,
  type ProbeKind,
} from './probe.js';
export type { EgressEntry, EgressSetting } from './egress-setting.js';
export type {
  Algorithm,
  ConnectionsSetting,
  HashSetting,
  LoadBalancingSetting,
  Locality,
  OutboundRetrySetting,
  OutboundSetting,
  OutlierDetectionSetting,
  RetryCondition,
  RetrySetting,
  SuccessRateSetting,
  TimeoutsSetting,
} from './outbound-setting.js';
export type { InboundConnectionsSetting, Rate, RateLimitSetting } from './inbound-limits.js';
export type {
  Authorization,
  AuthorizationRule,
  Backend,
  CallerMatch,
  CallerRule,
  FaultSetting,
  GrpcStatus,
  HeaderChanges,
  MtlsMode,
  MtlsSetting,
  OperationRule,
  PathChange,
  PolicyTarget,
  RefusedPolicy,
  RouteMatch,
  RouteRule,
  RuleCondition,
  TextMatch,
  TrafficPolicy,
} from './policy.js';
export {
  keySetLabel,
  type JwtIssuer,
  type JwtKeys,
  type JwtSetting,
  type KeySet,
  type KeySetUrl,
} from './jwt.js';
export {
  caBundleLabel,
  credentialLabel,
  type CaBundle,
  type Credential,
  type TlsMode,
  type TlsSetting,
} from './outbound-tls.js';
export type { ServiceRef } from './service-ref.js';
