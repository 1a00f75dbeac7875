/** `inbound.jwt`: settings merged leaf by leaf, and the refusals that follow from them. */
import type { AuthorizationRuleIr, JwtIr, JwtIssuerIr, TokenProblem } from '../../../ir/index.js';
import {
  keySetKey,
  keySetLabel,
  type JwtIssuer,
  type JwtSetting,
  type KeySet,
  type KeySetKey,
  type Service,
  type ServiceKey,
} from '../../../model/index.js';
import { policyOrigin, type InboundPolicy, type Reach } from '../../to-ir/attach.js';
import type { Finding } from '../../to-ir/finding.js';
import {
  findConflicts,
  settle,
  speakersOf,
  type Leaf,
  type Setting,
} from '../../to-ir/settings.js';
import { findSkipped, refusalOfAll } from '../not-http.js';
import { findUnfetchable, toFetchedKeys } from './fetched-keys.js';

const section = 'spec.inbound.jwt';

const issuersLeaf: Leaf<JwtSetting, readonly JwtIssuer[]> = {
  field: `${section}.issuers`,
  get: ({ issuers }) => issuers,
};
const requiredLeaf: Leaf<JwtSetting, boolean> = {
  field: `${section}.required`,
  get: ({ required }) => required,
};

/** The port that is decided. */
interface PortContext {
  readonly port: number | undefined;
  readonly protocol: 'http' | 'tcp' | 'sniff';
  /** Whether what a policy's target names has any port that may carry HTTP. */
  readonly hasHttpPort: (reach: Reach) => boolean;
  /** A ConfigMap that is offered to sidecars; undefined: there is none. */
  readonly keySet: (key: KeySetKey) => KeySet | undefined;
  readonly service: (key: ServiceKey) => Service | undefined;
}

/** What one port makes of tokens. */
export interface JwtDecision {
  readonly jwt?: JwtIr;
  /** To stand before the deny rules for HTTP. */
  readonly http: readonly AuthorizationRuleIr[];
  /** The same for what is not HTTP. */
  readonly tcp: readonly AuthorizationRuleIr[];
  readonly findings: readonly Finding[];
}

const silent: JwtDecision = { http: [], tcp: [], findings: [] };

/** Decides one port from the policies that are enforced on it. */
function decide(
  reaching: readonly { readonly policy: InboundPolicy; readonly reach: Reach }[],
  context: PortContext,
): JwtDecision {
  const { port, protocol, hasHttpPort } = context;
  const speakers = speakersOf(reaching, ({ jwt }) => jwt);
  const issuers = settle(speakers, issuersLeaf);
  const required = settle(speakers, requiredLeaf);
  const isRequired = required?.value === true;
  const list = issuers?.value ?? [];
  if (list.length === 0 && !isRequired) return silent;
  const findings = [...findConflicts(speakers, [issuersLeaf, requiredLeaf])];
  const origins = [issuers, required].flatMap((setting) =>
    setting === undefined ? [] : [setting.origin],
  );
  const owner = reaching.find(({ policy }) => isOrigin(policy, issuers ?? required));
  const name = `${owner?.policy.key ?? ''}/jwt`;
  const rule = (problem: TokenProblem): AuthorizationRuleIr => ({
    ...refusalOfAll(name, origins),
    when: [{ kind: 'token', problem }],
  });
  const demanding = reaching.find(({ policy }) => isOrigin(policy, required));
  if (protocol === 'tcp') {
    const message = 'tokens are looked at in HTTP only, and so not on what carries no HTTP';
    findings.push(...findSkipped(speakers, port, { field: section, message }));
    // Whoever demands it: a nearer one that speaks of wider targets must not open what was closed.
    const isClosed =
      isRequired &&
      reaching.some(({ policy, reach }) => policy.jwt?.required === true && !hasHttpPort(reach));
    return { ...silent, tcp: isClosed ? [refusalOfAll(name, origins)] : [], findings };
  }
  if (list.length === 0 && demanding !== undefined) {
    findings.push(noIssuer(demanding.policy, port));
  }
  const names = list.map(({ issuer }) => issuer);
  const readsBearer = list.some(({ fromHeaders }) => fromHeaders.includes('authorization'));
  const verified = list.map((entry, index) =>
    toIssuer(entry, { index, policy: owner?.policy, context }),
  );
  findings.push(...verified.flatMap((each) => each.findings));
  return {
    jwt: { name, issuers: verified.map(({ ir }) => ir), isRequired, origins },
    http: [
      ...(isRequired ? [rule({ kind: 'missing', issuers: names })] : []),
      ...(readsBearer ? [rule({ kind: 'ambiguous' })] : []),
    ],
    // Bytes that are not taken for HTTP carry no token that is looked at, and may be HTTP to the app.
    tcp: [refusalOfAll(name, origins)],
    findings,
  };
}

function isOrigin(policy: InboundPolicy, setting: Setting<unknown> | undefined): boolean {
  return policyOrigin(policy).object === setting?.origin.object;
}

function toIssuer(
  entry: JwtIssuer,
  at: {
    readonly index: number;
    readonly policy: InboundPolicy | undefined;
    readonly context: PortContext;
  },
): { readonly ir: JwtIssuerIr; readonly findings: readonly Finding[] } {
  const { issuer, audiences, keys, forward, fromHeaders, claimToHeaders } = entry;
  const rest = { issuer, audiences, forward, fromHeaders, claimToHeaders };
  if (keys.kind === 'inline') return { ir: { ...rest, jwks: keys.jwks }, findings: [] };
  const { index, policy, context } = at;
  const toFinding = (leaf: string, value: string, problem: string): Finding => ({
    object: `TrafficPolicy ${policy?.key ?? ''}`,
    code: 'NoUsableKey',
    severity: 'error',
    field: `${issuersLeaf.field}[${String(index)}].jwks.${leaf}`,
    value,
    message: `${problem}, so every token of ${issuer} is refused`,
    ports: [context.port ?? 0],
  });
  if (keys.kind === 'url') {
    const fetched = toFetchedKeys(keys.from, policy?.namespace ?? '');
    const problem = findUnfetchable(fetched, context.service(fetched.service));
    return {
      ir: { ...rest, fetched },
      findings: problem === undefined ? [] : [toFinding('url', keys.from.url, problem)],
    };
  }
  const key = keySetKey(policy?.namespace ?? '', keys.name);
  const found = context.keySet(key);
  if (found?.jwks !== undefined) return { ir: { ...rest, jwks: found.jwks }, findings: [] };
  const problem =
    found === undefined
      ? `there is no ConfigMap ${key} with the label ${keySetLabel}: "true"`
      : `ConfigMap ${key} has no usable key`;
  return { ir: rest, findings: [toFinding('configMap', keys.name, problem)] };
}

function noIssuer(policy: InboundPolicy, port: number | undefined): Finding {
  return {
    object: `TrafficPolicy ${policy.key}`,
    code: 'NoUsableKey',
    severity: 'error',
    field: requiredLeaf.field,
    message: 'no JWT issuer is set for the port, so every request is refused',
    ports: [port ?? 0],
  };
}

/** The feature. */
export const jwtFeature: {
  readonly section: typeof section;
  readonly decide: typeof decide;
} = Object.freeze({ section, decide });
