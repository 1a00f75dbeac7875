/** Rate limits: a filter that stands in every inbound HTTP chain, switched off but for the ports that have one. */
import type { InboundPortIr, RateLimitIr } from '../../ir/index.js';
import type { Rate } from '../../model/index.js';
import { routeMetadata } from './access-log.js';
import type { HttpConnectionManager, HttpFilter, TypedMessage } from '../../envoy/index.js';
import { spellDuration } from './values.js';

type LocalRateLimit =
  TypedMessage<'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit'>;
type Bucket = NonNullable<LocalRateLimit['token_bucket']>;
type Mapper = NonNullable<
  NonNullable<HttpConnectionManager['local_reply_config']>['mappers']
>[number];

/** The filter, and its settings on a route. */
export const rateLimitFilter = 'envoy.filters.http.local_ratelimit';

const filterType =
  'type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit';
const always = { default_value: { numerator: 100, denominator: 'HUNDRED' as const } };
const stat_prefix = 'inbound';

/** The key in {@link routeMetadata} with the name of a port's limit. */
export const rateLimitKey = 'rate_limit';

/**
 * The filter of a chain. Limits come with the routes, so that they rule the next request on open
 * connections, and all chains of one port draw from one bucket.
 */
export function spellRateLimitFilter(): HttpFilter {
  return {
    name: rateLimitFilter,
    typed_config: { '@type': filterType, stat_prefix },
    disabled: true,
  };
}

/** What the virtual host of a port says to the filter. */
export function spellRateLimitRoute({
  rateLimit,
}: InboundPortIr): Readonly<Record<string, LocalRateLimit>> {
  return rateLimit === undefined ? {} : { [rateLimitFilter]: spellLimit(rateLimit) };
}

/** The answer names the limit that refused. Envoy raises its flag RL after it has answered (1.40). */
export function spellRateLimitReply(): Mapper {
  return {
    filter: {
      status_code_filter: {
        comparison: {
          op: 'EQ',
          value: { default_value: 429, runtime_key: 'skerry.rate_limit.status' },
        },
      },
    },
    body_format_override: {
      text_format_source: {
        inline_string: `too many requests: %METADATA(ROUTE:${routeMetadata}:${rateLimitKey})%`,
      },
    },
  };
}

/**
 * So many callers are told apart at once; the one not seen for longest is forgotten beyond. Envoy's
 * own number is 20, and with it callers would get new buckets all the time.
 */
const maxIdentities = 10_000;

/** A bucket that never runs dry: Envoy demands one also where only callers are limited. */
const bottomless: Bucket = {
  max_tokens: 4_294_967_295,
  tokens_per_fill: 4_294_967_295,
  fill_interval: '1s',
};

function spellLimit({ total, perIdentity }: RateLimitIr): LocalRateLimit {
  return {
    '@type': filterType,
    stat_prefix,
    token_bucket: total === undefined ? bottomless : spellBucket(total, total.burst),
    filter_enabled: always,
    filter_enforced: always,
    // Else gRPC callers hear UNAVAILABLE, after which many try again at once.
    rate_limited_as_resource_exhausted: true,
    enable_retry_after_header: true,
    ...(perIdentity === undefined ? {} : spellCallers(perIdentity)),
    ...(total === undefined ? { always_consume_default_token_bucket: false } : {}),
  };
}

function spellBucket({ requests, perMs }: Rate, burst: number): Bucket {
  return {
    max_tokens: requests + burst,
    tokens_per_fill: requests,
    fill_interval: spellDuration(perMs),
  };
}

/** One bucket for each identity that the certificate proves: no header has a part in it. */
function spellCallers(
  rate: Rate,
): Pick<LocalRateLimit, 'rate_limits' | 'descriptors' | 'max_dynamic_descriptors'> {
  const key = 'caller';
  return {
    rate_limits: [
      {
        actions: [
          {
            extension: {
              name: 'envoy.rate_limit_descriptors.expr',
              typed_config: {
                '@type': 'type.googleapis.com/xds.type.v3.TypedStruct',
                type_url:
                  'type.googleapis.com/envoy.extensions.rate_limit_descriptors.expr.v3.Descriptor',
                value: {
                  descriptor_key: key,
                  text: "connection.mtls ? connection.uri_san_peer_certificate : 'plaintext'",
                },
              },
            },
          },
        ],
      },
    ],
    descriptors: [{ entries: [{ key }], token_bucket: spellBucket(rate, 0) }],
    max_dynamic_descriptors: maxIdentities,
  };
}
