/** Whether an inbound port lets a caller in: mutual TLS first, then deny, allow and what stands otherwise. */
import type {
  AuthorizationIr,
  AuthorizationRuleIr,
  CallerIr,
  CallerTermIr,
  InboundPortIr,
  OperationIr,
  Origin,
} from '../../ir/index.js';
import type { SpiffeId } from '../../model/index.js';
import { isInCidr } from '../to-ir/address.js';
import { meetsCondition, type CarriedView } from './conditions.js';
import { normalizePath } from './request-path.js';
import { verifyTokens } from './token.js';

/** Who calls, as the sidecar of the called pod sees it. */
export interface CallerView {
  /** From the client certificate; has no effect without mTLS. */
  readonly spiffeId?: SpiffeId;
  /** The connection's peer. */
  readonly ip: string;
  readonly usesMtls: boolean;
}

/** What is called. */
export interface OperationView extends Pick<CarriedView, 'headers'> {
  readonly method: string;
  /** A query, if there is one, is not looked at. */
  readonly path: string;
  /** False: other bytes, also the app's own TLS. */
  readonly isHttp: boolean;
}

/** A verdict and the way to it. */
export interface Judgement {
  readonly verdict: 'admitted' | 'refused' | 'refused at TLS';
  /** Name of the rule or default that decided, as access logs show it; empty where none did. */
  readonly by: string;
  /** Objects that decided. */
  readonly origins: readonly Origin[];
  /** Why, where it was no rule that refused. */
  readonly reason?: string;
  /** What was asked in turn, and answered. */
  readonly steps: readonly string[];
}

/** The verdict in force on `port`. Without a request, or one that is not HTTP, its TCP rules hold. */
export function judge(port: InboundPortIr, caller: CallerView, request?: OperationView): Judgement {
  const tls = judgeTls(port, caller);
  if (tls.refusal !== undefined) {
    const reason = tls.refusal;
    return { verdict: 'refused at TLS', by: '', origins: port.origins, reason, steps: [reason] };
  }
  const isHttp = request?.isHttp === true && port.protocol !== 'tcp' && !tls.isOpaque;
  if (!isHttp) return decide(port.tcp, tls.caller, undefined, [...tls.steps, 'TCP rules apply']);
  const steps = [...tls.steps, 'HTTP rules apply'];
  const path = normalizePath(request.path);
  if (path === undefined) {
    const step = `path ${request.path} is refused with 400 before any rule`;
    return { verdict: 'refused', by: '', origins: [], reason: step, steps: [...steps, step] };
  }
  const { refusal, claims, headers } = verifyTokens(port.jwt, request.headers);
  if (refusal !== undefined) {
    const { name = '', origins = [] } = port.jwt ?? {};
    return { verdict: 'refused', by: name, origins, reason: refusal, steps: [...steps, refusal] };
  }
  for (const issuer of claims.keys()) steps.push(`the token is taken for one of ${issuer}`);
  return decide(port.http, tls.caller, { method: request.method, path, claims, headers }, steps);
}

/** What rules know of a caller. */
interface Peer {
  readonly spiffeId?: SpiffeId;
  readonly ip: string;
}

/** What rules know of a request; undefined on TCP. */
type Operation = (Pick<OperationView, 'method' | 'path'> & CarriedView) | undefined;

interface TlsOutcome {
  readonly refusal?: string;
  readonly caller: Peer;
  readonly steps: readonly string[];
  /** The sidecar sees ciphertext only. */
  readonly isOpaque: boolean;
}

function judgeTls(port: InboundPortIr, { spiffeId, ip, usesMtls }: CallerView): TlsOutcome {
  const nobody = { caller: { ip }, isOpaque: false };
  if (!usesMtls) {
    return port.mtls === 'Strict'
      ? { ...nobody, steps: [], refusal: 'mTLS is Strict and the call is plaintext' }
      : { ...nobody, steps: [`mTLS is ${port.mtls} and the call is plaintext`] };
  }
  if (port.mtls === 'Disabled') {
    const step = 'mTLS is Disabled: its bytes go on to the app as they are';
    return { ...nobody, isOpaque: true, steps: [step] };
  }
  if (spiffeId === undefined) {
    return { ...nobody, steps: [], refusal: 'the client certificate carries no SPIFFE id' };
  }
  const steps = [`mTLS is ${port.mtls} and the caller proves ${spiffeId}`];
  return { caller: { spiffeId, ip }, isOpaque: false, steps };
}

function decide(
  rules: AuthorizationIr,
  caller: Peer,
  operation: Operation,
  before: readonly string[],
): Judgement {
  // Of several the sidecar names the first in the order of names.
  const [denied] = rules.deny
    .filter((rule) => deniesBy(rule, caller, operation))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  if (denied !== undefined) {
    const steps = [...before, `deny ${denied.name} matches`];
    return { verdict: 'refused', by: denied.name, origins: denied.origins, steps };
  }
  const steps = [...before, `none of ${String(rules.deny.length)} deny rules matches`];
  const allowed = rules.allow.find((rule) => allowsBy(rule, caller, operation));
  if (allowed !== undefined) {
    steps.push(`allow ${allowed.name} matches`);
    return { verdict: 'admitted', by: allowed.name, origins: allowed.origins, steps };
  }
  const { verdict, name, origins } = rules.otherwise;
  steps.push(`none of ${String(rules.allow.length)} allow rules matches`, `otherwise: ${verdict}`);
  return { verdict: verdict === 'allow' ? 'admitted' : 'refused', by: name, origins, steps };
}

/** A deny rule that names an identity also refuses callers without one. */
function deniesBy(rule: AuthorizationRuleIr, caller: Peer, operation: Operation): boolean {
  const isMeant =
    meetsFrom(rule, caller) || (rule.alsoWithoutIdentity && caller.spiffeId === undefined);
  return isMeant && meetsRequest(rule, operation, 'deny');
}

function allowsBy(rule: AuthorizationRuleIr, caller: Peer, operation: Operation): boolean {
  return meetsFrom(rule, caller) && meetsRequest(rule, operation, 'allow');
}

function meetsFrom(rule: AuthorizationRuleIr, caller: Peer): boolean {
  return rule.from.length === 0 || rule.from.some((entry) => meetsCaller(entry, caller));
}

function meetsCaller(entry: CallerIr, caller: Peer): boolean {
  return (
    entry.all.every((terms) => terms.some((term) => meetsTerm(term, caller))) &&
    !entry.not.some((other) => meetsCaller(other, caller))
  );
}

/** Whether a caller meets a term. */
export function meetsTerm(term: CallerTermIr, { spiffeId, ip }: Peer): boolean {
  switch (term.kind) {
    case 'cidr':
      return isInCidr(term.cidr, ip);
    case 'identity':
      if (spiffeId === undefined) return false;
      return term.match === 'exact' ? spiffeId === term.value : spiffeId.startsWith(term.value);
  }
}

/** HTTP conditions on TCP, which the IR promises not to hold, are read the stricter way. */
function meetsRequest(
  { to, when }: AuthorizationRuleIr,
  operation: Operation,
  effect: 'allow' | 'deny',
): boolean {
  if (to.length === 0 && when.length === 0) return true;
  if (operation === undefined) return effect === 'deny';
  return (
    (to.length === 0 || to.some((entry) => meetsOperation(entry, operation))) &&
    when.every((condition) => meetsCondition(condition, operation, effect))
  );
}

function meetsOperation(entry: OperationIr, operation: NonNullable<Operation>): boolean {
  return (
    (entry.methods.length === 0 || entry.methods.includes(operation.method)) &&
    (entry.paths.length === 0 || entry.paths.some((path) => meetsPath(path, operation.path)))
  );
}

function meetsPath(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}
