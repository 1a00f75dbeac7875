/** JSON Web Tokens: the filter that verifies them, its configuration, and what a route adds. */
import type { FetchedKeysIr, InboundPortIr, JwtIr, JwtIssuerIr } from '../../ir/index.js';
import { spaceDelimitedClaims } from './claim-condition.js';
import type {
  HttpFilter,
  JwtProvider,
  JwtRequirement,
  TypedExtensionConfig,
  TypedMessage,
} from '../../envoy/index.js';
import { nobodysKeys } from './nobodys-key.js';
import { spellAdsSource } from './values.js';

/** The filter, and the resource with the issuers of all ports of a workload: Envoy asks by its name. */
const tokenFilter = 'inbound/jwt';

/** Removes what a caller wrote into headers that claims are copied to. */
const cleaningFilter = 'envoy.filters.http.header_mutation';

type JwtAuthentication =
  TypedMessage<'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication'>;

const configType =
  'type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication';

/**
 * The filters stand in every HTTP chain, switched off where no route asks for tokens. Issuers and
 * keys come as a resource of their own (ECDS), which rules the next request on open connections:
 * a change of the listener would end them.
 */
export function spellTokenFilters(): readonly HttpFilter[] {
  return [
    {
      name: cleaningFilter,
      typed_config: {
        '@type':
          'type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation',
      },
      disabled: true,
    },
    {
      name: tokenFilter,
      config_discovery: { config_source: spellAdsSource(), type_urls: [configType] },
      disabled: true,
    },
  ];
}

/** The configuration of a workload with these ports; undefined: none looks at tokens. */
export function spellTokenConfig(
  ports: readonly InboundPortIr[],
): TypedExtensionConfig | undefined {
  const requirements = ports.flatMap((entry) =>
    entry.jwt === undefined || entry.jwt.issuers.length === 0 ? [] : [[entry, entry.jwt] as const],
  );
  if (requirements.length === 0) return undefined;
  const providers = new Map<string, { readonly name: string; readonly provider: JwtProvider }>();
  const nameOf = (issuer: JwtIssuerIr): string => {
    // Most ports of a workload have the same issuers.
    const id = JSON.stringify(issuer);
    const known = providers.get(id);
    if (known !== undefined) return known.name;
    const name = `issuer-${String(providers.size)}`;
    providers.set(id, { name, provider: spellProvider(issuer) });
    return name;
  };
  const requirement_map = Object.fromEntries(
    requirements.map(([entry, jwt]) => [requirementName(entry), spellRequirement(jwt, nameOf)]),
  );
  const config: JwtAuthentication = {
    '@type': configType,
    providers: Object.fromEntries(
      [...providers.values()].map((each) => [each.name, each.provider]),
    ),
    requirement_map,
  };
  return { name: tokenFilter, typed_config: config };
}

/** The configuration of workloads that do not look at tokens. */
export function spellNoTokenConfig(): TypedExtensionConfig {
  return { name: tokenFilter, typed_config: { '@type': configType } };
}

/** What the virtual host of a port says to the filters. Envoy refuses where no issuer has arrived. */
export function spellTokenRoute(entry: InboundPortIr): Readonly<Record<string, TokenRoute>> {
  const { jwt } = entry;
  if (jwt === undefined) return {};
  const headers = [...new Set(jwt.issuers.flatMap(headersOf))].sort();
  return {
    ...(headers.length === 0
      ? {}
      : {
          [cleaningFilter]: {
            '@type':
              'type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute',
            mutations: { request_mutations: headers.map(spellRemoval) },
          } as const,
        }),
    ...(jwt.issuers.length === 0
      ? {}
      : {
          [tokenFilter]: {
            '@type':
              'type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig',
            requirement_name: requirementName(entry),
          } as const,
        }),
  };
}

type HeaderMutation = NonNullable<
  NonNullable<
    TypedMessage<'envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute'>['mutations']
  >['request_mutations']
>[number];

type TokenRoute =
  | TypedMessage<'envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute'>
  | TypedMessage<'envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig'>;

function headersOf({ claimToHeaders }: JwtIssuerIr): readonly string[] {
  return claimToHeaders.map(({ header }) => header);
}

/** Many servers take `_` and `-` in a header's name for the same. */
function spellRemoval(header: string): HeaderMutation {
  const regex = header.replaceAll(/[^a-z0-9_-]/g, '\\$&').replaceAll(/[-_]/g, '[-_]');
  return { remove_on_match: { key_matcher: { safe_regex: { regex } } } };
}

function requirementName({ port }: InboundPortIr): string {
  return port === undefined ? 'other' : String(port);
}

/** Any of the issuers; where no token is required, none at all will do, but not a bad one. */
function spellRequirement(
  { issuers, isRequired }: JwtIr,
  nameOf: (issuer: JwtIssuerIr) => string,
): JwtRequirement {
  const requirements: readonly JwtRequirement[] = [
    ...issuers.map((issuer) => ({ provider_name: nameOf(issuer) })),
    ...(isRequired ? [] : [{ allow_missing: {} }]),
  ];
  const [first, ...rest] = requirements;
  return rest.length === 0 && first !== undefined ? first : { requires_any: { requirements } };
}

/**
 * The key set is fetched in the background, and again before its time is over; where that fails the
 * old keys hold on, however long. Until it has come for the first time a request with a token
 * fetches it itself and waits. Envoy would let a listener wait as well, but not a filter that comes
 * by discovery: without `fast_listener` its fetch never begins.
 */
function spellFetch({ url, cluster }: FetchedKeysIr): NonNullable<JwtProvider['remote_jwks']> {
  return {
    http_uri: { uri: url, cluster, timeout: '2s' },
    cache_duration: keysCacheDuration,
    async_fetch: { fast_listener: true, failed_refetch_duration: '2s' },
    retry_policy: {
      num_retries: 1,
      retry_back_off: { base_interval: '0.1s', max_interval: '0.5s' },
    },
  };
}

/** Envoy fetches five seconds earlier: see {@link spellFetch}. */
const keysCacheDuration = '35s';

function spellProvider(issuer: JwtIssuerIr): JwtProvider {
  return {
    issuer: issuer.issuer,
    ...(issuer.audiences.length === 0 ? {} : { audiences: issuer.audiences }),
    ...(issuer.fetched === undefined
      ? { local_jwks: { inline_string: issuer.jwks ?? nobodysKeys } }
      : { remote_jwks: spellFetch(issuer.fetched) }),
    require_expiration: true,
    ...(issuer.forward ? { forward: true } : {}),
    // Said always: left to itself Envoy also takes tokens from queries, which are logged.
    from_headers: issuer.fromHeaders.map((name) =>
      name === 'authorization' ? { name, value_prefix: 'Bearer ' } : { name },
    ),
    payload_in_metadata: issuer.issuer,
    normalize_payload_in_metadata: { space_delimited_claims: spaceDelimitedClaims },
    ...(issuer.claimToHeaders.length === 0
      ? {}
      : {
          claim_to_headers: issuer.claimToHeaders.map(({ claim, header }) => ({
            header_name: header,
            claim_name: claim,
          })),
        }),
  };
}
