/** `inbound.authorization`: a union over every policy that reaches a port. */
import type { AuthorizationIr, AuthorizationRuleIr, OperationIr } from '../../../ir/index.js';
import type { AuthorizationRule, OperationRule } from '../../../model/index.js';
import { policyOrigin, type InboundPolicy, type Reach } from '../../to-ir/attach.js';
import type { Finding } from '../../to-ir/finding.js';
import type { JwtDecision } from '../jwt/feature.js';
import { toConditions } from './conditions.js';
import { mentionsIdentity, namesIdentity, toCaller, type CallerContext } from './callers.js';

const section = 'spec.inbound.authorization';

/** The port that is decided. */
export interface PortContext {
  /** Absent: every port that nobody declares. */
  readonly port?: number;
  readonly protocol: 'http' | 'tcp' | 'sniff';
  readonly acceptsPlaintext: boolean;
  /** Whether what a policy's target names has any port that may carry HTTP. */
  readonly hasHttpPort: (reach: Reach) => boolean;
  readonly callers: CallerContext;
  /** What was decided of tokens. */
  readonly tokens: JwtDecision;
  /** Refusals of what a rate limit could not count. */
  readonly uncounted: readonly AuthorizationRuleIr[];
}

/** What one port enforces, for bytes that are HTTP and for bytes that are not. */
export interface AuthorizationDecision {
  readonly http: AuthorizationIr;
  readonly tcp: AuthorizationIr;
  readonly findings: readonly Finding[];
}

type Speaker = Readonly<{ policy: InboundPolicy; reach: Reach }>;

type RuleLists = Record<'deny' | 'allow', AuthorizationRuleIr[]>;

/** Decides one port; `speakers` has the nearest first and holds only policies that count. */
function decide(speakers: readonly Speaker[], context: PortContext): AuthorizationDecision {
  const findings: Finding[] = [];
  const http: RuleLists = { deny: [...context.tokens.http], allow: [] };
  const tcp: RuleLists = { deny: [...context.tokens.tcp, ...context.uncounted], allow: [] };
  for (const speaker of speakers) {
    for (const entry of rulesOf(speaker, context)) {
      if (entry.http !== undefined) http[entry.list].push(entry.http);
      if (entry.tcp !== undefined) tcp[entry.list].push(entry.tcp);
      findings.push(...entry.findings);
    }
  }
  const otherwise = decideOtherwise(speakers, findings);
  const decided = { otherwise, ...tcp };
  return {
    // A port declared TCP is never read as HTTP; if it ever were, the same would hold.
    http: context.protocol === 'tcp' ? decided : { otherwise, ...http },
    tcp: decided,
    findings,
  };
}

interface CompiledRule {
  readonly list: 'deny' | 'allow';
  readonly http?: AuthorizationRuleIr;
  readonly tcp?: AuthorizationRuleIr;
  readonly findings: readonly Finding[];
}

function rulesOf(speaker: Speaker, context: PortContext): readonly CompiledRule[] {
  const { policy } = speaker;
  if (policy.isAuthorizationRefused) return [refusal(policy)];
  const { deny = [], allow = [] } = policy.authorization ?? {};
  return [
    ...deny.map((rule, index) => compile({ rule, index, list: 'deny', speaker }, context)),
    ...allow.map((rule, index) => compile({ rule, index, list: 'allow', speaker }, context)),
  ];
}

function refusal(policy: InboundPolicy): CompiledRule {
  const rule: AuthorizationRuleIr = {
    name: `${policy.key}/refused`,
    from: [],
    to: [],
    when: [],
    alsoWithoutIdentity: false,
    origins: [policyOrigin(policy)],
  };
  return { list: 'deny', http: rule, tcp: rule, findings: [] };
}

interface RuleContext {
  readonly rule: AuthorizationRule;
  readonly index: number;
  readonly list: 'deny' | 'allow';
  readonly speaker: Speaker;
}

function compile(ruleContext: RuleContext, context: PortContext): CompiledRule {
  const { rule, index, list, speaker } = ruleContext;
  const field = `${section}.${list}[${String(index)}]`;
  const operations = operationsOn(rule.to, context.port);
  if (operations === undefined) return { list, findings: [] };
  const object = `TrafficPolicy ${speaker.policy.key}`;
  const conditions = toConditions(rule.when, {
    ...{ list, object, field, reach: speaker.reach },
    ...{ port: context.port ?? 0, jwt: context.tokens.jwt, protocol: context.protocol },
  });
  if (conditions.when === undefined) return { list, findings: conditions.findings };
  const compiled: AuthorizationRuleIr = {
    name: `${speaker.policy.key}/${rule.name}`,
    from: rule.from.map((entry) => toCaller(entry, context.callers)),
    to: operations.some(isUnconditional) ? [] : operations.map(toOperation),
    when: conditions.when,
    alsoWithoutIdentity: list === 'deny' && namesIdentity(rule.from),
    origins: [policyOrigin(speaker.policy, field)],
  };
  const port = context.port ?? 0;
  const findings: Finding[] = [...conditions.findings];
  if (context.acceptsPlaintext && mentionsIdentity(rule.from)) {
    findings.push({
      object,
      code: 'IdentityOnPlaintextPort',
      severity: 'warning',
      field: `${field}.from`,
      message: 'the rule names identities, but plaintext callers, who have none, are accepted too',
      ports: [port],
    });
  }
  const hasHttpConditions = compiled.to.length > 0 || compiled.when.length > 0;
  if (!hasHttpConditions) return { list, http: compiled, tcp: compiled, findings };
  if (list === 'deny' && refusesWithoutHttp(operations, speaker.reach, context)) {
    return { list, http: compiled, tcp: { ...compiled, to: [], when: [] }, findings };
  }
  if (context.protocol === 'tcp') {
    findings.push(skipped(object, `${field}.${compiled.to.length > 0 ? 'to' : 'when'}`, port));
  }
  return { list, http: compiled, findings };
}

/** Entries of `to` that speak of a port; empty: everything; undefined: the rule is not about it. */
function operationsOn(
  to: readonly OperationRule[],
  port: number | undefined,
): readonly OperationRule[] | undefined {
  if (to.length === 0) return [{ ports: [], methods: [], paths: [] }];
  const about = to.filter(
    ({ ports }) => ports.length === 0 || (port !== undefined && ports.includes(port)),
  );
  return about.length === 0 ? undefined : about;
}

function isUnconditional({ methods, paths }: OperationRule): boolean {
  return methods.length === 0 && paths.length === 0;
}

function toOperation({ methods, paths }: OperationRule): OperationIr {
  return { methods, paths };
}

/**
 * Whether a deny with HTTP conditions refuses bytes that are not HTTP. Where HTTP is possible at
 * all it does, or else whoever wraps HTTP so that it is not recognised would get past the rule.
 */
function refusesWithoutHttp(
  operations: readonly OperationRule[],
  reach: Reach,
  context: PortContext,
): boolean {
  if (context.protocol !== 'tcp') return true;
  const { port } = context;
  if (port !== undefined && operations.some(({ ports }) => ports.includes(port))) return true;
  return !context.hasHttpPort(reach);
}

function skipped(object: string, field: string, port: number): Finding {
  return {
    object,
    code: 'HttpRuleOnTcpPort',
    severity: 'warning',
    field,
    message: 'the rule has HTTP conditions and so does not apply to what carries no HTTP',
    ports: [port],
  };
}

function decideOtherwise(
  speakers: readonly Speaker[],
  findings: Finding[],
): AuthorizationIr['otherwise'] {
  const explicit = speakers.flatMap(({ policy, reach }) => {
    const verdict = policy.authorization?.default ?? 'Inherit';
    return verdict === 'Inherit' ? [] : [{ policy, reach, verdict }];
  });
  const [nearest, ...others] = explicit;
  if (nearest !== undefined) {
    for (const other of others) {
      if (other.reach.rank !== nearest.reach.rank || other.verdict === nearest.verdict) continue;
      findings.push({
        object: `TrafficPolicy ${other.policy.key}`,
        code: 'Conflicted',
        severity: 'error',
        field: `${section}.default`,
        value: other.verdict,
        message: `TrafficPolicy ${nearest.policy.key} is older and sets it for the same workloads`,
      });
    }
    return {
      verdict: nearest.verdict === 'Allow' ? 'allow' : 'deny',
      name: `${nearest.policy.key}/default`,
      origins: [policyOrigin(nearest.policy, `${section}.default`)],
    };
  }
  const lister = speakers.find(({ policy }) => policy.authorization?.allow !== undefined);
  if (lister === undefined) return { verdict: 'allow', name: '', origins: [] };
  return {
    verdict: 'deny',
    name: `${lister.policy.key}/allow`,
    origins: [policyOrigin(lister.policy, `${section}.allow`)],
  };
}

/** The feature. */
export const authorizationFeature: {
  readonly section: typeof section;
  readonly decide: typeof decide;
} = Object.freeze({ section, decide });
