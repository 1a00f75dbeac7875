/** What a cluster bears at once, and which endpoints it leaves out. */
import type { CircuitBreakers, Cluster } from '../../envoy/index.js';
import type { ClusterIr, OutlierDetectionIr } from '../../ir/index.js';
import { spellDuration } from './values.js';

/** The greatest value of a limit: never met by accident. Envoy's own are low. */
const unlimited = 4_294_967_295;

/** Without an IR: no limits at all. */
export function spellCircuitBreakers(
  ir?: Pick<ClusterIr, 'retryBudget' | 'connections'>,
): CircuitBreakers {
  const { max, maxPending, maxRequests } = ir?.connections ?? {};
  const limits = {
    max_connections: max ?? unlimited,
    max_pending_requests: maxPending ?? unlimited,
    max_requests: maxRequests ?? unlimited,
    ...(ir === undefined
      ? { max_retries: unlimited }
      : {
          retry_budget: {
            budget_percent: { value: ir.retryBudget.percent },
            min_retry_concurrency: ir.retryBudget.minConcurrent,
          },
        }),
  };
  return {
    thresholds: [
      { priority: 'DEFAULT', ...limits },
      { priority: 'HIGH', ...limits },
    ],
  };
}

/** How often TCP asks before a connection counts as dead. */
const keepaliveProbes = 3;
const keepaliveIntervalSeconds = 10;

/** The TCP keepalive; nothing where none is sent. */
export function spellKeepalive({ connections }: Pick<ClusterIr, 'connections'>): Cluster {
  const seconds = connections.tcpKeepaliveSeconds;
  if (seconds === undefined) return {};
  const tcp_keepalive = {
    keepalive_time: seconds,
    keepalive_interval: Math.min(seconds, keepaliveIntervalSeconds),
    keepalive_probes: keepaliveProbes,
  };
  return { upstream_connection_options: { tcp_keepalive } };
}

/** The detection of outliers; each reason that is not given is off. */
export function spellOutlierDetection(ir: OutlierDetectionIr | undefined): Cluster {
  if (ir === undefined) return {};
  const { consecutive5xx, consecutiveGatewayErrors, successRate } = ir;
  return {
    outlier_detection: {
      interval: spellDuration(ir.intervalMs),
      base_ejection_time: spellDuration(ir.baseEjectionMs),
      // Else Envoy's 300 s would cut a longer base.
      max_ejection_time: spellDuration(Math.max(ir.baseEjectionMs, 300_000)),
      max_ejection_percent: ir.maxEjectedPercent,
      ...(consecutive5xx === undefined
        ? { enforcing_consecutive_5xx: 0 }
        : { consecutive_5xx: consecutive5xx, enforcing_consecutive_5xx: 100 }),
      ...(consecutiveGatewayErrors === undefined
        ? { enforcing_consecutive_gateway_failure: 0 }
        : {
            consecutive_gateway_failure: consecutiveGatewayErrors,
            enforcing_consecutive_gateway_failure: 100,
          }),
      ...(successRate === undefined
        ? { enforcing_success_rate: 0 }
        : {
            enforcing_success_rate: 100,
            success_rate_minimum_hosts: successRate.minimumHosts,
            success_rate_request_volume: successRate.requestVolume,
            // In thousandths.
            success_rate_stdev_factor: Math.round(successRate.stdevFactor * 1000),
          }),
    },
  };
}
