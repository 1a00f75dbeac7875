/** The admin room's face. */
export { createAdminServer, type AdminServer } from './server.js';
export type { AdminViews, ConfigEntry, ConfigView, ExplainQuery, ProxyView } from './views.js';
