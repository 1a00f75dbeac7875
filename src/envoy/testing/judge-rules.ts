/** Envoy's RBAC, token and metadata rules judged over the messages themselves: written from Envoy's documentation, with nothing of what wrote them. */
import { BlockList } from 'node:net';
import { RE2JS } from 're2js';
import type {
  HeaderMatcher,
  JwtAuthentication,
  JwtProvider,
  JwtRequirement,
  Permission,
  Principal,
  RbacRules,
  StringMatcher,
  ValueMatcher,
} from '../index.js';

/** Claims by name. */
export type Claims = Readonly<Record<string, unknown>>;

/** A token that some issuer has signed; Envoy trusts it where a provider has the key. */
export interface Token {
  readonly issuer: string;
  readonly audience: string;
  /** Stands in the text of the key set that has its key. */
  readonly keyId: string;
  readonly claims: Claims;
}

/** What rules look at. */
export interface Subject {
  readonly peerIp: string;
  /** Of the client's certificate. */
  readonly uri?: string;
  /** Lower case, with `:method`; absent outside HTTP. */
  readonly headers?: ReadonlyMap<string, string>;
  /** Without the query. */
  readonly path?: string;
  /** Dynamic metadata, by filter. */
  readonly metadata?: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
}

/** Whether the rules let it pass. */
export function passesRbac(rules: RbacRules | undefined, subject: Subject): boolean {
  if (rules === undefined) return true;
  const matches = Object.values(rules.policies ?? {}).some(
    ({ permissions = [], principals = [], ...rest }) => {
      known(rest, 'policy');
      return (
        permissions.some(isPermission) &&
        principals.some((principal) => isPrincipal(principal, subject))
      );
    },
  );
  switch (rules.action ?? 'ALLOW') {
    case 'ALLOW':
      return matches;
    case 'DENY':
      return !matches;
    default:
      throw new Error(`unknown action ${String(rules.action)}`);
  }
}

function isPermission(permission: Permission): boolean {
  if (permission.any === true) return true;
  throw new Error(`unknown permission ${JSON.stringify(permission)}`);
}

function isPrincipal(principal: Principal, subject: Subject): boolean {
  const each = (other: Principal): boolean => isPrincipal(other, subject);
  if (principal.any !== undefined) return principal.any;
  if (principal.not_id !== undefined) return !each(principal.not_id);
  if (principal.and_ids !== undefined) return (principal.and_ids.ids ?? []).every(each);
  if (principal.or_ids !== undefined) return (principal.or_ids.ids ?? []).some(each);
  if (principal.authenticated !== undefined) {
    const { principal_name: name } = principal.authenticated;
    if (subject.uri === undefined) return false;
    return name === undefined || isText(name, subject.uri);
  }
  if (principal.direct_remote_ip !== undefined) {
    const { address_prefix: net = '', prefix_len: bits = 0 } = principal.direct_remote_ip;
    return isWithin(net, bits, subject.peerIp);
  }
  if (principal.header !== undefined) return isHeader(principal.header, subject);
  if (principal.url_path !== undefined) {
    const { path } = principal.url_path;
    return path !== undefined && subject.path !== undefined && isText(path, subject.path);
  }
  if (principal.sourced_metadata !== undefined) {
    const { metadata_matcher: matcher, ...rest } = principal.sourced_metadata;
    known(rest, 'sourced metadata');
    const { filter = '', path = [], value, ...more } = matcher ?? {};
    known(more, 'metadata matcher');
    let found: unknown = subject.metadata?.get(filter);
    for (const { key = '' } of path) found = ownField(found, key);
    return value !== undefined && isValue(value, found);
  }
  throw new Error(`unknown principal ${JSON.stringify(principal)}`);
}

/** Whether a header is as asked. */
export function isHeader(matcher: HeaderMatcher, { headers }: Pick<Subject, 'headers'>): boolean {
  const { name = '', string_match: text, present_match: present, ...rest } = matcher;
  known(rest, 'header matcher');
  const value = headers?.get(name);
  if (present !== undefined) return (value !== undefined) === present;
  return text !== undefined && value !== undefined && isText(text, value);
}

function isValue(matcher: ValueMatcher, value: unknown): boolean {
  if (matcher.present_match !== undefined) return (value !== undefined) === matcher.present_match;
  if (matcher.or_match !== undefined) {
    return (matcher.or_match.value_matchers ?? []).some((each) => isValue(each, value));
  }
  if (matcher.list_match !== undefined) {
    const { one_of: one } = matcher.list_match;
    return one !== undefined && Array.isArray(value) && value.some((each) => isValue(one, each));
  }
  if (matcher.bool_match !== undefined) return value === matcher.bool_match;
  if (matcher.double_match !== undefined) return value === matcher.double_match.exact;
  if (matcher.string_match !== undefined) {
    return typeof value === 'string' && isText(matcher.string_match, value);
  }
  throw new Error(`unknown value matcher ${JSON.stringify(matcher)}`);
}

const patterns = new Map<string, RE2JS>();

/** Whether a text is as asked. */
export function isText(matcher: StringMatcher, text: string): boolean {
  if (matcher.ignore_case === true) throw new Error('unknown: ignore_case');
  if (matcher.exact !== undefined) return text === matcher.exact;
  if (matcher.prefix !== undefined) return text.startsWith(matcher.prefix);
  const regex = matcher.safe_regex?.regex;
  if (regex === undefined) throw new Error(`unknown string matcher ${JSON.stringify(matcher)}`);
  let pattern = patterns.get(regex);
  if (pattern === undefined) {
    // The library has no \C, any byte; the texts compared here are ASCII.
    pattern = RE2JS.compile(regex.replaceAll('\\C', '(?s:.)'));
    patterns.set(regex, pattern);
  }
  return pattern.matcher(text).matches();
}

const nets = new Map<string, BlockList>();

function isWithin(net: string, bits: number, ip: string): boolean {
  const key = `${net}/${String(bits)}`;
  let list = nets.get(key);
  if (list === undefined) {
    list = new BlockList();
    list.addSubnet(net, bits, net.includes(':') ? 'ipv6' : 'ipv4');
    nets.set(key, list);
  }
  return list.check(ip, ip.includes(':') ? 'ipv6' : 'ipv4');
}

/** Which issuer's claims are left behind; undefined: refused; none: let through without a token. */
export function verifyToken(
  config: JwtAuthentication,
  requirementName: string,
  token: Token | undefined,
): Readonly<Record<string, Claims>> | undefined {
  const requirement = config.requirement_map?.[requirementName];
  if (requirement === undefined) return undefined;
  const { providers, mayBeMissing } = readRequirement(requirement, config);
  if (token === undefined) return mayBeMissing ? {} : undefined;
  const trusted = providers.find((provider) => isTrusted(provider, token));
  if (trusted === undefined) return undefined;
  const { payload_in_metadata: key } = trusted;
  return key === undefined ? {} : { [key]: token.claims };
}

function readRequirement(
  requirement: JwtRequirement,
  config: JwtAuthentication,
): { readonly providers: readonly JwtProvider[]; readonly mayBeMissing: boolean } {
  const parts = requirement.requires_any?.requirements ?? [requirement];
  const providers = parts.flatMap(({ provider_name: name, allow_missing: missing, ...rest }) => {
    known(rest, 'token requirement');
    if (name === undefined && missing === undefined) throw new Error('an empty token requirement');
    const provider = name === undefined ? undefined : config.providers?.[name];
    return provider === undefined ? [] : [provider];
  });
  const mayBeMissing = parts.some(({ allow_missing: missing }) => missing !== undefined);
  return { providers, mayBeMissing };
}

function isTrusted(provider: JwtProvider, { issuer, audience, keyId }: Token): boolean {
  const { audiences = [], local_jwks: keys } = provider;
  return (
    provider.issuer === issuer &&
    (audiences.length === 0 || audiences.includes(audience)) &&
    keys?.inline_string?.includes(`"${keyId}"`) === true
  );
}

/** What this reader does not know it must not pass over. */
export function known(rest: object, what: string): void {
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new Error(`unknown field of a ${what}: ${unknown}`);
}

function ownField(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[key];
}
