/** The telemetry room's face. */
export { createMetrics, type Gauges, type Metrics } from './metrics.js';
