/** Access logs: one JSON object a line on standard output, without bodies, queries or credentials. */
import { controlPlaneClusterName } from './contract.js';
import { deniedByKey } from './gate.js';
import type { AccessLog, AccessLogFilter, CustomTag, JsonObject } from '../../envoy/index.js';
import type { SpellSettings } from './settings.js';

/** Which way the call goes, as the log says it. */
export type Direction = 'inbound' | 'outbound';

const connectionFields = {
  time: '%START_TIME%',
  flags: '%RESPONSE_FLAGS%',
  duration_ms: '%DURATION%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  connection_id: '%CONNECTION_ID%',
  termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  peer: '%DOWNSTREAM_PEER_URI_SAN%',
  peer_address: '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%',
  destination: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_failure: '%DOWNSTREAM_TRANSPORT_FAILURE_REASON%',
  upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_peer: '%UPSTREAM_PEER_URI_SAN%',
  upstream_failure: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  filter_chain: '%FILTER_CHAIN_NAME%',
};

const requestFields = {
  method: '%REQ(:METHOD)%',
  // Without the query, which may carry credentials.
  path: '%PATH(NQ:ORIG_OR_PATH)%',
  authority: '%REQ(:AUTHORITY)%',
  http_protocol: '%PROTOCOL%',
  status: '%RESPONSE_CODE%',
  grpc_status: '%GRPC_STATUS_NUMBER%',
  details: '%RESPONSE_CODE_DETAILS%',
  route: '%ROUTE_NAME%',
  attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
  first_byte_ms: '%RESPONSE_DURATION%',
  request_id: '%REQ(X-REQUEST-ID)%',
  user_agent: '%REQ(USER-AGENT)%',
};

/** Metadata of inbound routes that the log speaks of. */
export const routeMetadata = 'skerry';

const inboundFields = {
  jwt: `%METADATA(ROUTE:${routeMetadata}:jwt)%`,
  rate_limit: `%METADATA(ROUTE:${routeMetadata}:rate_limit)%`,
};

const listenerFields = { details: '%RESPONSE_CODE_DETAILS%' };

const tcpFields = { denied_by: `%FILTER_STATE(${deniedByKey}:PLAIN)%` };

/** Statuses that a gRPC call fails with; UNKNOWN is left out, since Envoy takes every plain 200 for it. */
const grpcFailures = [
  'CANCELED',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

/** Any response flag: Envoy itself met a failure. */
const flagged: AccessLogFilter = { response_flag_filter: {} };

const failedRequest: AccessLogFilter = {
  or_filter: {
    filters: [
      {
        status_code_filter: {
          comparison: {
            op: 'GE',
            value: { default_value: 400, runtime_key: 'skerry.access_log.errors_from_status' },
          },
        },
      },
      flagged,
      { grpc_status_filter: { statuses: grpcFailures } },
    ],
  },
};

/** A refusal by RBAC raises no flag, it only leaves its reason. */
const failedConnection: AccessLogFilter = {
  or_filter: { filters: [flagged, spellExpression("connection.termination_details != ''")] },
};

/** No chain admits the connection (plaintext under Strict), or its handshake failed. */
const unadmittedConnection: AccessLogFilter = {
  or_filter: {
    filters: [
      { response_flag_filter: { flags: ['NR'] } },
      // The inspector leaves a reason on every plaintext connection; only TLS has a version.
      spellExpression("connection.transport_failure_reason != '' && connection.tls_version != ''"),
    ],
  },
};

/**
 * A filter by CEL. Its message is not among those of the envoy room, hence the TypedStruct, which
 * Envoy reads as the message that it names.
 */
function spellExpression(expression: string): AccessLogFilter {
  return {
    extension_filter: {
      name: 'envoy.access_loggers.extension_filters.cel',
      typed_config: {
        '@type': 'type.googleapis.com/xds.type.v3.TypedStruct',
        type_url:
          'type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter',
        value: { expression },
      },
    },
  };
}

/** The log of HTTP requests. */
export function spellHttpAccessLog(
  direction: Direction,
  settings: SpellSettings,
): readonly AccessLog[] {
  const fields = { kind: 'http', direction, ...connectionFields, ...requestFields };
  const own = direction === 'inbound' ? inboundFields : {};
  return spell({ ...fields, ...own }, failedRequest, settings);
}

/** The log of connections that carry other bytes. */
export function spellTcpAccessLog(
  direction: Direction,
  settings: SpellSettings,
): readonly AccessLog[] {
  return spell(
    { kind: 'tcp', direction, ...connectionFields, ...tcpFields },
    failedConnection,
    settings,
  );
}

/**
 * The log of connections that no filter chain took over, which would otherwise leave no trace; and of
 * inbound ones the reports of those that mutual TLS would have refused.
 */
export function spellListenerAccessLog(
  direction: Direction,
  settings: SpellSettings,
): readonly AccessLog[] {
  const fields = { kind: 'connection', direction, ...connectionFields, ...listenerFields };
  return [
    ...(settings.accessLog === 'Off'
      ? []
      : [{ ...spellLogger(fields), filter: unadmittedConnection }]),
    ...(direction === 'inbound' ? [spellPlaintextLog()] : []),
  ];
}

function spell(
  fields: JsonObject,
  errors: AccessLogFilter,
  settings: SpellSettings,
): readonly AccessLog[] {
  switch (settings.accessLog) {
    case 'Off':
      return [];
    case 'Errors':
      return [{ ...spellLogger(fields), filter: errors }];
    case 'All':
      return [spellLogger(fields)];
  }
}

function spellLogger(fields: JsonObject): AccessLog {
  return {
    name: 'envoy.access_loggers.stdout',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
      log_format: { json_format: fields },
    },
  };
}

/** The RBAC filters, by what they see. */
const rbacFilters = { http: 'envoy.filters.http.rbac', tcp: 'envoy.filters.network.rbac' } as const;

/** What an RBAC filter has left in its metadata of its verdict; rules that it does not have leave nothing. */
function spellVerdict(
  wire: 'http' | 'tcp',
  key: string,
  verdict: { readonly is: 'allowed' | 'denied'; readonly ifAbsent: boolean },
): AccessLogFilter {
  return {
    metadata_filter: {
      matcher: {
        filter: rbacFilters[wire],
        path: [{ key }],
        value: { string_match: { exact: verdict.is } },
      },
      match_if_key_not_found: verdict.ifAbsent,
    },
  };
}

/** What refusals are counted under, as Envoy names it; `envoy_skerry_refused` in Prometheus' form. */
const refusals = { prefix: 'skerry', name: 'refused', tag: 'rule' } as const;

/** By the gate of a TCP chain, which also knows several rules that refuse. */
const isTurnedAway = `'${deniedByKey}' in filter_state`;
const isDeniedByFilter = "connection.termination_details.startsWith('rbac_access_denied')";

/**
 * Counts calls that were refused, by the rule that refused them (`namespace/policy/rule`): as many
 * series as a port has rules, and none before the first refusal. Where the log is off so is this.
 * (https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/access_loggers/stats/v3/stats.proto)
 */
export function spellRefusalCount(
  wire: 'http' | 'tcp',
  { accessLog }: SpellSettings,
): readonly AccessLog[] {
  if (accessLog === 'Off') return [];
  if (wire === 'tcp') {
    return [
      spellCount(`%FILTER_STATE(${deniedByKey}:PLAIN)%`, spellExpression(isTurnedAway)),
      spellCount(
        '%CONNECTION_TERMINATION_DETAILS%',
        spellExpression(`${isDeniedByFilter} && !(${isTurnedAway})`),
      ),
    ];
  }
  const rule = `%DYNAMIC_METADATA(${rbacFilters.http}:enforced_effective_policy_id)%`;
  const denied = spellVerdict('http', 'enforced_engine_result', { is: 'denied', ifAbsent: false });
  return [spellCount(`[${rule}]`, denied)];
}

function spellCount(rule: string, filter: AccessLogFilter): AccessLog {
  const stat = { name: refusals.name, tags: [{ name: refusals.tag, value_format: rule }] };
  return {
    name: 'envoy.access_loggers.stats',
    filter,
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stats.v3.Config',
      stats_scope: { prefix: refusals.prefix },
      counters: [{ stat, value_fixed: 1 }],
    },
  };
}

/** The tag of a report that names the rule: `namespace/policy/rule`. */
export const auditPolicyTag = 'policy';

/**
 * Reports to the control plane of calls that pass, and that shadow rules would have refused. Where
 * reports cannot be sent fast enough Envoy drops them, not requests.
 * (https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/access_loggers/grpc/v3/als.proto)
 */
export function spellAuditLog(wire: 'http' | 'tcp', prefix: string): AccessLog {
  const tag: CustomTag = {
    tag: auditPolicyTag,
    metadata: {
      kind: { request: {} },
      metadata_key: {
        key: rbacFilters[wire],
        path: [{ key: `${prefix}shadow_effective_policy_id` }],
      },
    },
  };
  const passed: AccessLogFilter = {
    and_filter: {
      filters: [
        spellVerdict(wire, `${prefix}shadow_engine_result`, { is: 'denied', ifAbsent: false }),
        spellVerdict(wire, 'enforced_engine_result', { is: 'allowed', ifAbsent: true }),
      ],
    },
  };
  return spellReport({ wire, name: 'audit', tag, filter: passed });
}

/** The tag of a report of a call without mutual TLS. */
export const plaintextTag = 'plaintext';

/** Chains that take what Strict refuses: see inbound-chains.ts. */
const plainChain = spellExpression(
  "xds.filter_chain_name.contains('/plain-') || xds.filter_chain_name.endsWith('/app-tls')",
);

/** One of so many requests of such a connection is reported while it is open. */
const percentReported = 10;

/**
 * Reports to the control plane of callers without mutual TLS: each connection when it ends and, by
 * `sampled`, some of the requests of one that stays open. It stands in the listener always, since to
 * change it there would drain every connection.
 */
export function spellPlaintextLog(sampled?: 'sampled'): AccessLog {
  const tag: CustomTag = { tag: plaintextTag, literal: { value: 'true' } };
  const name = 'plaintext';
  if (sampled === undefined) return spellReport({ wire: 'tcp', name, tag, filter: plainChain });
  const filter: AccessLogFilter = {
    runtime_filter: {
      runtime_key: 'skerry.access_log.plaintext_requests',
      percent_sampled: { numerator: percentReported, denominator: 'HUNDRED' },
      // Else the caller's own request id would decide.
      use_independent_randomness: true,
    },
  };
  return spellReport({ wire: 'http', name, tag, filter });
}

function spellReport(of: {
  readonly wire: 'http' | 'tcp';
  readonly name: string;
  readonly tag: CustomTag;
  readonly filter: AccessLogFilter;
}): AccessLog {
  const { wire, name, tag, filter } = of;
  const common_config = {
    log_name: name,
    transport_api_version: 'V3',
    grpc_service: { envoy_grpc: { cluster_name: controlPlaneClusterName } },
    custom_tags: [tag],
  } as const;
  return {
    name: `envoy.access_loggers.${wire}_grpc`,
    filter,
    typed_config:
      wire === 'http'
        ? {
            '@type':
              'type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig',
            common_config,
          }
        : {
            '@type':
              'type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig',
            common_config,
          },
  };
}
