/** Who may call, by the description of TrafficPolicy alone: all of `inbound`, every target, and policies that are refused; with nothing of Skerry's in it. */
import { BlockList } from 'node:net';
import type { Arrival } from '../../../envoy/testing/judge-arrival.js';
import { namespaces, rootNamespace, type Server } from './small-mesh.js';

/** An entry of `from`. */
export interface FromEntry {
  readonly namespace?: string;
  readonly serviceAccount?: string;
  readonly spiffe?: string;
  readonly namespaceSelector?: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly cidr?: string;
  readonly not?: readonly FromEntry[];
}

/** An entry of `to`. */
export interface ToEntry {
  readonly ports?: readonly number[];
  readonly methods?: readonly string[];
  readonly paths?: readonly string[];
}

/** An entry of `when`. */
export interface WhenEntry {
  readonly header?: string;
  readonly claim?: string;
  readonly issuer?: string;
  readonly values: readonly string[];
}

/** A rule. */
export interface Rule {
  readonly from?: readonly FromEntry[];
  readonly to?: readonly ToEntry[];
  readonly when?: readonly WhenEntry[];
}

type Mode = 'Strict' | 'Permissive' | 'Disabled';

/** An issuer of tokens. */
export interface Issuer {
  readonly issuer: string;
  readonly audiences?: readonly string[];
  readonly jwks: { readonly inline?: string; readonly configMap?: string };
}

/** `inbound`. */
export interface Inbound {
  readonly mtls?: {
    readonly mode?: Mode;
    readonly ports?: Readonly<Record<string, Mode>>;
    readonly floor?: boolean;
  };
  readonly authorization?: {
    readonly default?: 'Allow' | 'Deny' | 'Inherit';
    readonly deny?: readonly Rule[];
    readonly allow?: readonly Rule[];
  };
  readonly jwt?: { readonly issuers?: readonly Issuer[]; readonly required?: boolean };
  readonly rateLimit?: object;
  readonly connections?: object;
}

/** An entry of `targetRefs`. */
export interface Target {
  readonly kind: 'Mesh' | 'Namespace' | 'Service' | 'Pod';
  readonly name?: string;
  readonly sectionName?: string;
  readonly selector?: { readonly matchLabels: Readonly<Record<string, string>> };
}

/** A policy as somebody means it. */
export interface Policy {
  readonly namespace: string;
  readonly name: string;
  /** When it was created; no two alike. */
  readonly age: number;
  readonly mode?: 'Enforce' | 'Audit' | 'Disabled';
  readonly targets: readonly Target[];
  readonly inbound?: Inbound;
  /** Sections that say nothing of who may call. */
  readonly rest?: object;
  /** It is refused and no good form is known: what it spoke of fails closed. */
  readonly refused?: { readonly mtls: boolean; readonly authorization: boolean };
}

interface Speaker {
  readonly policy: Policy;
  readonly inbound: Inbound;
  readonly rank: number;
  readonly target: Target;
}

const isSubset = (
  wanted: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean => Object.entries(wanted).every(([key, value]) => labels[key] === value);

/** Mesh, namespace, Service, its port, pod, and what the root namespace says of chosen namespaces. */
function rankOf(
  target: Target,
  policy: Policy,
  { server, port }: { readonly server: Server; readonly port: number },
): number | undefined {
  const isRoot = policy.namespace === rootNamespace;
  const isOwn = policy.namespace === server.namespace;
  const { kind, selector, sectionName } = target;
  switch (kind) {
    case 'Mesh':
      return isRoot ? 0 : undefined;
    case 'Namespace': {
      if (selector === undefined) return isOwn ? 1 : undefined;
      const labels = namespaces[server.namespace] ?? {};
      return isRoot && isSubset(selector.matchLabels, labels) ? 5 : undefined;
    }
    case 'Service': {
      const service = `${policy.namespace}/${target.name ?? ''}`;
      const own = server.served.filter((each) => each.service === service);
      if (!isOwn || own.length === 0) return undefined;
      if (sectionName === undefined) return 2;
      return own.some((each) => each.portName === sectionName && each.port === port)
        ? 3
        : undefined;
    }
    case 'Pod':
      return isOwn && isSubset(selector?.matchLabels ?? {}, server.labels) ? 4 : undefined;
  }
}

/** What a policy says that is in force. */
function wordsOf({ mode = 'Enforce', inbound, refused }: Policy): Inbound | undefined {
  if (mode !== 'Enforce') return undefined;
  if (refused === undefined) return inbound;
  return {
    ...(refused.mtls ? { mtls: { mode: 'Strict', floor: true } } : {}),
    ...(refused.authorization ? { authorization: { deny: [{}] } } : {}),
  };
}

/** The nearest first, then the older. */
function speakersAt(policies: readonly Policy[], server: Server, port: number): readonly Speaker[] {
  return policies
    .flatMap((policy): Speaker[] => {
      const inbound = wordsOf(policy);
      if (inbound === undefined) return [];
      const found = policy.targets.flatMap((target): Speaker[] => {
        const rank = rankOf(target, policy, { server, port });
        return rank === undefined ? [] : [{ policy, inbound, rank, target }];
      });
      return found.sort((a, b) => b.rank - a.rank).slice(0, 1);
    })
    .sort((a, b) => b.rank - a.rank || a.policy.age - b.policy.age);
}

function mtlsAt(speakers: readonly Speaker[], port: number): Mode {
  const modes = speakers.flatMap(({ inbound: { mtls } }) => {
    const mode = mtls?.ports?.[String(port)] ?? mtls?.mode;
    return mode === undefined ? [] : [{ mode, isFloor: mtls?.floor === true }];
  });
  if (modes.some(({ mode, isFloor }) => isFloor && mode === 'Strict')) return 'Strict';
  return modes[0]?.mode ?? 'Permissive';
}

/** What the sidecar sees of a call. */
interface Seen {
  readonly server: Server;
  readonly port: number;
  readonly protocol: 'http' | 'tcp' | 'sniff';
  readonly ip: string;
  readonly id?: string;
  /** Absent: bytes. */
  readonly http?: NonNullable<Arrival['http']>;
}

/** How the call is taken; undefined: its connection is refused whatever the rules say. */
function look(arrival: Arrival, server: Server, mode: Mode): Seen | undefined {
  const { port, peerIp: ip, tls, http } = arrival;
  const protocol = server.served.find((each) => each.port === port)?.protocol ?? 'sniff';
  const seen: Seen = { server, port, protocol, ip };
  const isMesh = tls?.alpn.some((name) => name.startsWith('skerry-'));
  if (tls !== undefined && isMesh === true && mode !== 'Disabled') {
    const { uri: id } = tls;
    if (id?.startsWith('spiffe://cluster.local/') !== true) return undefined;
    if (protocol === 'tcp' || tls.alpn.includes('skerry-tcp')) return { ...seen, id };
    return http === undefined ? undefined : { ...seen, id, http };
  }
  if (mode === 'Strict') return undefined;
  // The app's own TLS, or mesh TLS where nobody ends it: bytes of nobody's.
  if (tls !== undefined) return mode === 'Disabled' && protocol === 'http' ? undefined : seen;
  if (protocol === 'tcp') return seen;
  if (http !== undefined) return { ...seen, http };
  return protocol === 'http' ? undefined : seen;
}

const fits = (pattern: string, text: string): boolean =>
  pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern;

function isWithin(cidr: string, ip: string): boolean {
  const [net = '', bits] = cidr.split('/');
  const list = new BlockList();
  list.addSubnet(net, Number(bits));
  return list.check(ip);
}

function isFrom(entry: FromEntry, seen: Seen): boolean {
  const { namespace, serviceAccount, spiffe, namespaceSelector, cidr, not } = entry;
  const is = (pattern: string): boolean => seen.id !== undefined && fits(pattern, seen.id);
  const ns = 'spiffe://cluster.local/ns/';
  return (
    (namespace === undefined || is(`${ns}${namespace}/sa/*`)) &&
    (serviceAccount === undefined || is(`${ns}${serviceAccount.replace('/', '/sa/')}`)) &&
    (spiffe === undefined || is(spiffe)) &&
    (namespaceSelector === undefined ||
      Object.entries(namespaces).some(
        ([name, labels]) =>
          isSubset(namespaceSelector.matchLabels, labels) && is(`${ns}${name}/sa/*`),
      )) &&
    (cidr === undefined || isWithin(cidr, seen.ip)) &&
    !(not ?? []).some((other) => isFrom(other, seen))
  );
}

function namesIdentity(entry: FromEntry): boolean {
  const inner = (entry.not ?? []).flatMap(({ not }) => not ?? []);
  const names = Object.keys(entry).filter((key) => key !== 'cidr' && key !== 'not');
  return names.length > 0 || inner.some(namesIdentity);
}

interface Tokens {
  readonly issuers: readonly Issuer[];
  readonly isRequired: boolean;
  /** Whose word that is. */
  readonly demanding: readonly Speaker[];
}

/** Settings: each leaf of the nearest who gives it. */
function tokensAt(speakers: readonly Speaker[]): Tokens {
  const nearest = speakers.find(({ inbound }) => inbound.jwt?.required !== undefined);
  const isRequired = nearest?.inbound.jwt?.required === true;
  return {
    issuers: speakers.find(({ inbound }) => inbound.jwt?.issuers)?.inbound.jwt?.issuers ?? [],
    isRequired,
    demanding: isRequired ? speakers.filter(({ inbound }) => inbound.jwt?.required === true) : [],
  };
}

const isWide = ({ target: { kind } }: Speaker): boolean => kind === 'Mesh' || kind === 'Namespace';

/** Whether what the target names carries HTTP anywhere; the port may be asked for by name. */
function hasHttp({ target, policy }: Speaker, { server }: Seen): boolean {
  const { kind, name = '', sectionName } = target;
  if (kind === 'Mesh' || kind === 'Namespace') return true;
  return server.served.some(
    ({ service, portName, protocol }) =>
      protocol === 'http' &&
      (kind === 'Pod' || service === `${policy.namespace}/${name}`) &&
      (sectionName === undefined || portName === sectionName),
  );
}

function passesTokens(tokens: Tokens, seen: Seen): boolean {
  const { issuers, isRequired, demanding } = tokens;
  if (issuers.length === 0 && !isRequired) return true;
  if (seen.protocol === 'tcp') return !demanding.some((speaker) => !hasHttp(speaker, seen));
  if (seen.http === undefined) return false;
  const { token, headers } = seen.http;
  if (token === undefined) {
    const hasOther = /bearer/i.test(headers['authorization'] ?? '');
    return !isRequired && !(hasOther && issuers.length > 0);
  }
  return issuers.some(
    ({ issuer, audiences, jwks }) =>
      issuer === token.issuer &&
      (audiences?.includes(token.audience) ?? true) &&
      jwks.inline?.includes(`"${token.keyId}"`) === true,
  );
}

interface Asked {
  readonly seen: Seen;
  readonly tokens: Tokens;
  readonly speaker: Speaker;
  readonly isDeny: boolean;
}

function hasClaim(value: unknown, values: readonly string[]): boolean {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.some((each) => typeof each === 'string' && values.some((one) => fits(one, each)));
}

/** `never`: the rule speaks of what nobody can vouch for, and does not apply. */
function isCarried(entry: WhenEntry, { seen, tokens, speaker, isDeny }: Asked): boolean | 'never' {
  const { header, claim = '', issuer, values } = entry;
  if (header !== undefined) {
    const value = seen.http?.headers[header];
    return value !== undefined && values.some((pattern) => fits(pattern, value));
  }
  const known = tokens.issuers.map((each) => each.issuer);
  // Nobody looks at tokens: a deny for this workload refuses all the same.
  if (known.length === 0) return isDeny && !isWide(speaker) ? true : 'never';
  const asked = issuer === undefined ? known : known.filter((each) => each === issuer);
  if (asked.length === 0) return 'never';
  if (issuer === undefined && known.length > 1 && !isDeny) return 'never';
  const token = seen.http?.token;
  return (
    token !== undefined && asked.includes(token.issuer) && hasClaim(token.claims[claim], values)
  );
}

function isMet({ from, to, when }: Rule, asked: Asked): boolean {
  const { seen, isDeny, speaker } = asked;
  const isAnonymous = isDeny && seen.id === undefined && (from ?? []).some(namesIdentity);
  if (from !== undefined && !isAnonymous && !from.some((entry) => isFrom(entry, seen)))
    return false;
  const { port, http } = seen;
  const about = to?.filter(({ ports }) => ports?.includes(port) ?? true) ?? [{}];
  if (about.length === 0) return false;
  if (http === undefined) return isMetByBytes({ about, when: when ?? [] }, asked);
  const carried = (when ?? []).map((entry) => isCarried(entry, { ...asked, speaker }));
  return (
    about.some(
      ({ methods, paths }) =>
        (methods?.includes(http.method) ?? true) &&
        (paths?.some((path) => fits(path, http.path)) ?? true),
    ) && carried.every((each) => each === true)
  );
}

/** What asks for HTTP never admits bytes; it refuses them where HTTP was possible or is meant. */
function isMetByBytes(
  { about, when }: { readonly about: readonly ToEntry[]; readonly when: readonly WhenEntry[] },
  { seen, tokens, speaker, isDeny }: Asked,
): boolean {
  const asksHttp = ({ methods, paths }: ToEntry): boolean =>
    methods !== undefined || paths !== undefined;
  if (when.length === 0 && !about.every(asksHttp)) return true;
  if (!isDeny) return false;
  if (seen.protocol === 'tcp') {
    return about.some(({ ports }) => ports?.includes(seen.port)) || !hasHttp(speaker, seen);
  }
  return when.every((entry) => isCarried(entry, { seen, tokens, speaker, isDeny }) !== 'never');
}

/** Whether a call is admitted; the first of its caller, so that no limit has counted anything. */
export function isAdmitted(policies: readonly Policy[], server: Server, arrival: Arrival): boolean {
  const speakers = speakersAt(policies, server, arrival.port);
  const seen = look(arrival, server, mtlsAt(speakers, arrival.port));
  if (seen === undefined) return false;
  const tokens = tokensAt(speakers);
  if (!passesTokens(tokens, seen)) return false;
  // What is not taken for HTTP would go uncounted.
  const isCounted = speakers.some(({ inbound }) => inbound.rateLimit !== undefined);
  if (isCounted && seen.protocol === 'http' && seen.http === undefined) return false;
  const meets = (list: 'deny' | 'allow'): boolean =>
    speakers.some((speaker) =>
      (speaker.inbound.authorization?.[list] ?? []).some((rule) =>
        isMet(rule, { seen, tokens, speaker, isDeny: list === 'deny' }),
      ),
    );
  if (meets('deny')) return false;
  if (meets('allow')) return true;
  const said = speakers.map(({ inbound }) => inbound.authorization);
  const explicit = said.find((each) => (each?.default ?? 'Inherit') !== 'Inherit');
  if (explicit !== undefined) return explicit.default === 'Allow';
  return said.every((each) => each?.allow === undefined);
}
