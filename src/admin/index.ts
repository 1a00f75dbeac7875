/** The admin room's face. */
export {
  createAdminServer,
  createHealthServer,
  type AdminServer,
  type HealthServer,
  type HealthServerOptions,
} from './server.js';
export type {
  AdminViews,
  AuthorityView,
  ConfigEntry,
  ConfigView,
  ExplainQuery,
  ProxyView,
  SourceView,
  StateView,
} from './views.js';
