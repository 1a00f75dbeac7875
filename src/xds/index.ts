/** The face of the xDS room. */
export { createResourceCache, type ResourceCache } from './cache.js';
export type {
  Admission,
  DiscoveryDoor,
  DiscoveryEvents,
  ProxySnapshot,
  StreamIdentity,
  StreamRef,
} from './events.js';
export type { ResourceChange, XdsResource } from './resource.js';
export { sidecarRules, type ProtocolRules, type TypeRule } from './rules.js';
export {
  createXdsServer,
  type ServerCertificate,
  type ServerOptions,
  type XdsServer,
} from './server.js';
export type { RefusedResource, StreamStanding } from './standing.js';
export type { StreamLimits } from './session.js';
export type { RejectedView, StreamSnapshot, TypeSnapshot } from './stream-snapshot.js';
export type { Intake, IntakeStream, Refusal, RefusalCode, RequestMetadata } from './transport.js';
export type { Replacement } from './type-state.js';
