/** What a sidecar does with one call that reaches it, read from the Envoy messages it is given and from nothing of what wrote them. */
import type {
  AnyMessage,
  FilterChain,
  FilterChainMatch,
  HttpConnectionManager,
  HttpFilter,
  JwtAuthentication,
  Listener,
  ListenerFilterChainMatchPredicate,
  RouteConfiguration,
  TypedExtensionConfig,
  VirtualHost,
} from '../index.js';
import {
  isHeader,
  isText,
  known,
  passesRbac,
  verifyToken,
  type Subject,
  type Token,
} from './judge-rules.js';

/** A request. */
export interface HttpRequest {
  readonly method: string;
  /** As normalised: no query, no dot segments. */
  readonly path: string;
  /** Lower case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** In `authorization`, which is among the headers. */
  readonly token?: Token;
}

/** A call as it reaches a sidecar. */
export interface Arrival {
  readonly port: number;
  readonly peerIp: string;
  /** Absent: plaintext. `uri`: of a certificate that the mesh's root vouches for; absent: none is shown. */
  readonly tls?: { readonly alpn: readonly string[]; readonly uri?: string };
  /** Absent: bytes that are no HTTP. */
  readonly http?: HttpRequest;
}

/** What becomes of a call. */
export interface Verdict {
  readonly isAdmitted: boolean;
  /** Why, for the reader of a test that fails. */
  readonly why: string;
}

/** The messages that a sidecar holds, as decoded. */
export interface Emitted {
  readonly listener: Listener;
  readonly routes: ReadonlyMap<string, RouteConfiguration>;
  readonly extensions: ReadonlyMap<string, TypedExtensionConfig>;
}

/** The cluster that leads to the app. */
const appCluster = 'inbound';

/** Judges the first call of its caller: nothing has been counted yet. Throws at what it does not know. */
export function judgeArrival(emitted: Emitted, arrival: Arrival): Verdict {
  const chain = chooseChain(emitted.listener, arrival);
  if (chain === undefined) return refused('no filter chain');
  const handshake = shakeHands(chain, arrival);
  if (handshake === 'failed') return refused(`${chain.name ?? ''}: the handshake fails`);
  // What Envoy does not decrypt it cannot read.
  const isReadable = arrival.tls === undefined || handshake.isDecrypted;
  const subject: Subject = {
    peerIp: arrival.peerIp,
    ...(handshake.uri === undefined ? {} : { uri: handshake.uri }),
  };
  const request = isReadable ? arrival.http : undefined;
  for (const { name = '', typed_config: config } of chain.filters ?? []) {
    switch (name) {
      // The gate only closes earlier what the rules behind it refuse; a limit has counted nothing yet.
      case 'envoy.filters.network.set_filter_state':
      case 'envoy.filters.network.connection_limit':
        break;
      case 'envoy.filters.network.rbac': {
        const { rules } = typed(config, 'envoy.extensions.filters.network.rbac.v3.RBAC');
        if (!passesRbac(rules, subject)) return refused(`${chain.name ?? ''}: its rules for TCP`);
        break;
      }
      case 'envoy.filters.network.tcp_proxy': {
        const proxy = typed(config, 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy');
        const isToApp = proxy.cluster === appCluster;
        return { isAdmitted: isToApp, why: `${chain.name ?? ''}: ${proxy.cluster ?? ''}` };
      }
      case 'envoy.filters.network.http_connection_manager': {
        if (request === undefined) return refused(`${chain.name ?? ''}: no HTTP`);
        const manager = typed(
          config,
          'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
        );
        return judgeRequest(emitted, manager, { subject, request });
      }
      default:
        throw new Error(`unknown network filter ${name}`);
    }
  }
  return refused(`${chain.name ?? ''}: leads nowhere`);
}

function refused(why: string): Verdict {
  return { isAdmitted: false, why };
}

const chosenBy = ['destination_port', 'transport_protocol', 'application_protocols'];

/** Destination port, then transport, then application protocol; Envoy never goes back. */
function chooseChain(listener: Listener, arrival: Arrival): FilterChain | undefined {
  const seen = inspect(listener, arrival);
  const matchOf = ({ filter_chain_match: match = {} }: FilterChain): FilterChainMatch => match;
  for (const chain of listener.filter_chains ?? []) {
    const others = Object.entries(matchOf(chain)).filter(([key]) => !chosenBy.includes(key));
    known(Object.fromEntries(others), 'filter chain match');
  }
  const narrow = (
    chains: readonly FilterChain[],
    isMet: (match: FilterChainMatch) => boolean,
    isOpen: (match: FilterChainMatch) => boolean,
  ): readonly FilterChain[] => {
    const exact = chains.filter((chain) => isMet(matchOf(chain)));
    return exact.length > 0 ? exact : chains.filter((chain) => isOpen(matchOf(chain)));
  };
  let chains = narrow(
    listener.filter_chains ?? [],
    ({ destination_port: port }) => port === arrival.port,
    ({ destination_port: port }) => port === undefined,
  );
  chains = narrow(
    chains,
    ({ transport_protocol: transport }) => transport === seen.transport,
    ({ transport_protocol: transport = '' }) => transport === '',
  );
  const offered = seen.protocols.find((protocol) =>
    chains.some((chain) => matchOf(chain).application_protocols?.includes(protocol)),
  );
  chains = narrow(
    chains,
    ({ application_protocols: list = [] }) => offered !== undefined && list.includes(offered),
    ({ application_protocols: list = [] }) => list.length === 0,
  );
  if (chains.length > 1) throw new Error('two filter chains match, which Envoy refuses');
  return chains[0] ?? listener.default_filter_chain;
}

/** What the listener filters find out. */
function inspect(
  { listener_filters: filters = [] }: Listener,
  { port, tls, http }: Arrival,
): { readonly transport: string; readonly protocols: readonly string[] } {
  const isOn = (name: string): boolean => {
    const filter = filters.find((each) => each.name === `envoy.filters.listener.${name}`);
    return filter !== undefined && !isDisabled(filter.filter_disabled, port);
  };
  if (tls !== undefined && isOn('tls_inspector')) return { transport: 'tls', protocols: tls.alpn };
  const isHttp = tls === undefined && http !== undefined && isOn('http_inspector');
  return { transport: 'raw_buffer', protocols: isHttp ? ['http/1.1'] : [] };
}

function isDisabled(
  predicate: ListenerFilterChainMatchPredicate | undefined,
  port: number,
): boolean {
  if (predicate === undefined) return false;
  const { destination_port_range: range, or_match: or, not_match: not, ...rest } = predicate;
  known(rest, 'listener filter predicate');
  if (range !== undefined) return port >= (range.start ?? 0) && port < (range.end ?? 0);
  if (or !== undefined) return (or.rules ?? []).some((each) => isDisabled(each, port));
  if (not !== undefined) return !isDisabled(not, port);
  throw new Error('an empty listener filter predicate');
}

type Handshake = 'failed' | { readonly isDecrypted: boolean; readonly uri?: string };

function shakeHands({ transport_socket: socket }: FilterChain, { tls }: Arrival): Handshake {
  if (socket === undefined) return { isDecrypted: false };
  const context = typed(
    socket.typed_config,
    'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
  );
  if (tls === undefined) return 'failed';
  const { uri } = tls;
  if (uri === undefined)
    return context.require_client_certificate === true ? 'failed' : { isDecrypted: true };
  const validation = context.common_tls_context?.combined_validation_context;
  if (validation?.validation_context_sds_secret_config?.name !== 'ROOTCA')
    return { isDecrypted: true };
  const names = validation.default_validation_context?.match_typed_subject_alt_names ?? [];
  const isNamed = names.some(
    ({ san_type: type, matcher }) =>
      type === 'URI' && matcher !== undefined && isText(matcher, uri),
  );
  return names.length === 0 || isNamed ? { isDecrypted: true, uri } : 'failed';
}

interface Asked {
  readonly subject: Subject;
  readonly request: HttpRequest;
}

function judgeRequest(emitted: Emitted, manager: HttpConnectionManager, asked: Asked): Verdict {
  const name = manager.rds?.route_config_name ?? '';
  const host = emitted.routes.get(name)?.virtual_hosts?.find((each) => each.domains?.includes('*'));
  if (host === undefined) return refused(`${name}: no virtual host`);
  const headers = new Map(Object.entries(asked.request.headers));
  headers.set(':method', asked.request.method);
  const metadata = new Map<string, Record<string, unknown>>();
  const subject = { ...asked.subject, headers, path: asked.request.path, metadata };
  for (const filter of manager.http_filters ?? []) {
    const step = { filter, host, emitted, subject, token: asked.request.token };
    const why = runFilter(step);
    if (why !== undefined) return refused(`${name}: ${why}`);
  }
  const route = host.routes?.find(({ match }) => {
    const { prefix, headers: wanted = [], ...rest } = match ?? {};
    known(rest, 'route match');
    return (
      asked.request.path.startsWith(prefix ?? '') && wanted.every((each) => isHeader(each, subject))
    );
  });
  const cluster = route?.route?.cluster ?? '';
  return { isAdmitted: cluster === appCluster, why: `${name}: ${cluster}` };
}

interface Step {
  readonly filter: HttpFilter;
  readonly host: VirtualHost;
  readonly emitted: Emitted;
  readonly subject: Subject & {
    readonly headers: Map<string, string>;
    readonly metadata: Map<string, Record<string, unknown>>;
  };
  readonly token: Token | undefined;
}

/** Runs one HTTP filter; returns why it refuses. */
function runFilter({ filter, host, emitted, subject, token }: Step): string | undefined {
  const { name = '', disabled, typed_config: own } = filter;
  const ofRoute = host.typed_per_filter_config?.[name];
  if (disabled === true && ofRoute === undefined) return undefined;
  switch (name) {
    // Nothing has been counted yet; a script drains only.
    case 'envoy.filters.http.lua':
    case 'envoy.filters.http.local_ratelimit':
    case 'envoy.filters.http.router':
      return undefined;
    case 'envoy.filters.http.header_mutation': {
      const { mutations } = typed(
        ofRoute,
        'envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute',
      );
      for (const { remove_on_match: removal } of mutations?.request_mutations ?? []) {
        const matcher = removal?.key_matcher;
        if (matcher === undefined) throw new Error('unknown header mutation');
        for (const key of [...subject.headers.keys()]) {
          if (isText(matcher, key)) subject.headers.delete(key);
        }
      }
      return undefined;
    }
    case 'envoy.filters.http.header_to_metadata': {
      const { request_rules: rules = [] } = typed(
        ofRoute,
        'envoy.extensions.filters.http.header_to_metadata.v3.Config',
      );
      for (const { header = '', on_header_present: present } of rules) {
        const value = subject.headers.get(header);
        const space = present?.metadata_namespace ?? '';
        if (value === undefined) continue;
        const former = subject.metadata.get(space) ?? {};
        subject.metadata.set(space, { ...former, [present?.key ?? header]: value });
      }
      return undefined;
    }
    case 'envoy.filters.http.rbac': {
      const rules =
        ofRoute === undefined
          ? typed(own, 'envoy.extensions.filters.http.rbac.v3.RBAC').rules
          : typed(ofRoute, 'envoy.extensions.filters.http.rbac.v3.RBACPerRoute').rbac?.rules;
      return passesRbac(rules, subject) ? undefined : 'its rules for HTTP';
    }
    case 'inbound/jwt': {
      const config = emitted.extensions.get(name)?.typed_config;
      if (config === undefined) return 'no token configuration has arrived';
      const all = typed(config, 'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication');
      const route = typed(ofRoute, 'envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig');
      return checkToken(all, route.requirement_name ?? '', { subject, token });
    }
    default:
      throw new Error(`unknown HTTP filter ${name}`);
  }
}

function checkToken(
  config: JwtAuthentication,
  requirement: string,
  { subject, token }: Pick<Step, 'subject' | 'token'>,
): string | undefined {
  const claims = verifyToken(config, requirement, token);
  if (claims === undefined) return 'its token';
  subject.metadata.set('envoy.filters.http.jwt_authn', { ...claims });
  return undefined;
}

type Typed<Name extends string> = Extract<
  AnyMessage,
  { readonly '@type': `type.googleapis.com/${Name}` }
>;

/** The message of an Any, which must be of this type. */
function typed<Name extends string>(message: unknown, name: Name): Typed<Name> {
  const found = message as { readonly '@type'?: string } | undefined;
  if (found?.['@type'] !== `type.googleapis.com/${name}`) {
    throw new Error(`expected ${name}, found ${found?.['@type'] ?? 'nothing'}`);
  }
  return found as Typed<Name>;
}
