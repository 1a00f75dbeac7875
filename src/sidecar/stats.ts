/** Which of Envoy's own statistics a sidecar keeps: half of a sidecar's memory is statistics. */

/** `minimal`: what operating the mesh needs; `full`: everything, for an investigation. */
export type StatsProfile = 'minimal' | 'full';

/** Families that do not grow with what the workload calls. */
const prefixes = [
  'server.',
  'listener_manager.',
  'cluster_manager.',
  'control_plane.',
  'cluster.skerry_control_plane.',
  // The per-edge statistics of our own access loggers.
  'skerry.',
] as const;

/** Single statistics of each connection manager, filter, cluster or secret. */
const suffixes = [
  '.update_rejected',
  '.key_rotation_failed',
  '.downstream_cx_total',
  '.downstream_cx_active',
  '.downstream_rq_total',
  '.downstream_rq_5xx',
  '.upstream_cx_total',
  '.upstream_cx_active',
  '.upstream_cx_connect_fail',
  '.upstream_rq_total',
  '.upstream_rq_5xx',
  '.upstream_rq_timeout',
  'rbac.allowed',
  'rbac.denied',
  'rbac.shadow_allowed',
  'rbac.shadow_denied',
  // An issuer that is away takes no token from anybody until keys change: somebody has to be told.
  '.jwks_fetch_failed',
] as const;

/**
 * Without these the sidecar is never ready and no TCP or gRPC probe passes: Envoy's health check
 * filter reads the health of a cluster from its statistics, and one that is not kept is zero
 * (measured on 1.40).
 */
const healthOfProbes = 'cluster\\.(listening|probe/.+)\\.membership_(healthy|total)';

/** One pattern of the inclusion list (envoy.type.matcher.v3.StringMatcher). */
type Pattern =
  | { readonly prefix: string }
  | { readonly suffix: string }
  | { readonly safe_regex: { readonly regex: string } };

/** The patterns of the names kept; undefined for all of them. */
export function statsPatterns(profile: StatsProfile): readonly Pattern[] | undefined {
  if (profile === 'full') return undefined;
  return [
    ...prefixes.map((prefix) => ({ prefix })),
    ...suffixes.map((suffix) => ({ suffix })),
    { safe_regex: { regex: healthOfProbes } },
  ];
}
