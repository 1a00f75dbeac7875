/** The admin room's face. */
export {
  createAdminServer,
  createHealthServer,
  type AdminServer,
  type HealthServer,
  type HealthServerOptions,
} from './server.js';
export type {
  AdminActions,
  AdminOutcome,
  AdminViews,
  AuthorityView,
  CaRootView,
  CaRotationView,
  CaView,
  ConfigEntry,
  ConfigView,
  ExplainQuery,
  ProxyView,
  SourceView,
  StateView,
  PlaintextView,
  PlaintextWorkload,
  WouldDenyView,
} from './views.js';
