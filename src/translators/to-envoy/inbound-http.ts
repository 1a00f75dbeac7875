/** Inbound HTTP: the connection manager and the routes that carry its authorization. */
import type { InboundPortIr } from '../../ir/index.js';
import {
  routeMetadata,
  spellAuditLog,
  spellPlaintextLog,
  spellRefusalCount,
} from './access-log.js';
import { inboundClusterName, unprocessedHeader } from './contract.js';
import { drainFilter, spellDrainFilter, spellDraining } from './drain.js';
import { spellHttpConnection } from './http-connection.js';
import type {
  HttpRbac,
  NetworkFilter,
  RetryPolicy,
  Route,
  RouteConfiguration,
} from '../../envoy/index.js';
import { spellTokenFilters, spellTokenRoute } from './jwt.js';
import {
  rateLimitKey,
  spellRateLimitFilter,
  spellRateLimitReply,
  spellRateLimitRoute,
} from './rate-limit.js';
import { auditPrefix, spellRbac, spellRefuseAll } from './rbac.js';
import { gatherFilter, spellGatheredHeaders, spellGatherFilter } from './request-condition.js';
import type { SpellSettings } from './settings.js';

const rbacFilter = 'envoy.filters.http.rbac';

/** `inbound/<port>`, or `inbound/other` for ports that no Service declares. */
export function inboundRoutesName(entry: InboundPortIr): string {
  return `inbound/${entry.port === undefined ? 'other' : String(entry.port)}`;
}

/** The filter of an HTTP chain. Until the routes bring the rules, everybody is refused. */
export function spellInboundHttp(
  entry: InboundPortIr,
  transport: 'mesh' | 'plain',
  settings: SpellSettings,
): NetworkFilter {
  return spellHttpConnection(
    {
      direction: 'inbound',
      routes: inboundRoutesName(entry),
      earlyMutations: [],
      logs: [
        ...spellRefusalCount('http', settings),
        ...(transport === 'plain' ? [spellPlaintextLog('sampled')] : []),
        ...(entry.shadow === undefined ? [] : [spellAuditLog('http', auditPrefix)]),
      ],
      filters: [
        spellDrainFilter(),
        ...spellTokenFilters(),
        spellGatherFilter(),
        {
          name: rbacFilter,
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC',
            rules: spellRefuseAll(),
          },
        },
        // Behind the rules: who may not call uses up nobody's share.
        spellRateLimitFilter(),
      ],
      more: {
        // The app learns who calls from the certificate, never from what the caller wrote.
        forward_client_cert_details: 'SANITIZE_SET',
        set_current_client_cert_details: { uri: true },
        local_reply_config: {
          mappers: [
            {
              filter: { response_flag_filter: { flags: ['UF'] } },
              headers_to_add: [{ header: { key: unprocessedHeader, value: 'true' } }],
            },
            spellRateLimitReply(),
          ],
        },
      },
    },
    settings,
  );
}

/**
 * The routes of one port. Authorization travels here and not in the listener, because a change
 * of routes rules the next request on connections that are open already.
 */
export function spellInboundRoutes(entry: InboundPortIr, isDraining: boolean): RouteConfiguration {
  const name = inboundRoutesName(entry);
  const { http, shadow } = entry;
  const headers = spellGatheredHeaders(shadow === undefined ? [http] : [http, shadow.http]);
  return {
    name,
    // Only the sidecar itself may say so: see its local replies.
    response_headers_to_remove: [unprocessedHeader],
    virtual_hosts: [
      {
        name,
        domains: ['*'],
        routes: [
          {
            name: `${name}/safe`,
            match: {
              prefix: '',
              headers: [
                { name: ':method', string_match: { safe_regex: { regex: 'GET|HEAD|OPTIONS' } } },
              ],
            },
            route: {
              cluster: inboundClusterName,
              timeout: '0s',
              retry_policy: spellAppRetry(['reset']),
            },
            ...spellNames(entry),
          },
          {
            name,
            match: { prefix: '' },
            route: { cluster: inboundClusterName, timeout: '0s', retry_policy: spellAppRetry([]) },
            ...spellNames(entry),
          },
        ],
        typed_per_filter_config: {
          ...(isDraining ? { [drainFilter]: spellDraining() } : {}),
          ...spellTokenRoute(entry),
          ...spellRateLimitRoute(entry),
          ...(headers === undefined ? {} : { [gatherFilter]: headers }),
          [rbacFilter]: {
            '@type': 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute',
            rbac: spellHttpRbac(entry),
          },
        },
      },
    ],
  };
}

/** Whose words on tokens and rates rule the port, for its access log: Envoy's own words do not say. */
function spellNames({ jwt, rateLimit }: InboundPortIr): Pick<Route, 'metadata'> {
  if (jwt === undefined && rateLimit === undefined) return {};
  const names = {
    ...(jwt === undefined ? {} : { jwt: jwt.name }),
    ...(rateLimit === undefined ? {} : { [rateLimitKey]: rateLimit.name }),
  };
  return { metadata: { filter_metadata: { [routeMetadata]: names } } };
}

/**
 * An app may close a connection that it kept alive just when it is used again. What it has not seen
 * is sent once more over another one; what it may have seen only where that does no harm (RFC 9110,
 * section 9.2.2). That no connection can be made is for the caller to answer, by another endpoint.
 */
function spellAppRetry(more: readonly string[]): RetryPolicy {
  return {
    retry_on: ['refused-stream', 'reset-before-request', ...more].join(','),
    num_retries: 2,
    retry_back_off: { base_interval: '0.001s', max_interval: '0.005s' },
  };
}

function spellHttpRbac({ http, shadow }: InboundPortIr): HttpRbac {
  const rules = spellRbac(http, 'http');
  if (shadow === undefined) return { rules };
  return {
    rules,
    shadow_rules: spellRbac(shadow.http, 'http'),
    shadow_rules_stat_prefix: auditPrefix,
  };
}
