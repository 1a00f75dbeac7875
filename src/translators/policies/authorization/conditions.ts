/** `when` of a rule: what a request must carry, and who vouches for its claims on the port. */
import type { ConditionIr, JwtIr } from '../../../ir/index.js';
import type { RuleCondition } from '../../../model/index.js';
import type { Reach } from '../../to-ir/attach.js';
import type { Finding } from '../../to-ir/finding.js';

/** Where the rule stands, and for which port it is compiled. */
export interface ConditionContext {
  readonly list: 'deny' | 'allow';
  /** `TrafficPolicy namespace/name`. */
  readonly object: string;
  /** The rule's place in it. */
  readonly field: string;
  readonly reach: Reach;
  /** 0: ports that no Service declares. */
  readonly port: number;
  readonly protocol: 'http' | 'tcp' | 'sniff';
  readonly jwt: JwtIr | undefined;
}

/** The conditions on one port. */
export interface Conditions {
  /** Undefined: the rule does not apply there. */
  readonly when: readonly ConditionIr[] | undefined;
  readonly findings: readonly Finding[];
}

type ClaimCondition = Extract<RuleCondition, { kind: 'claim' }>;

/**
 * Resolves the issuers of claims. A claim that nobody can vouch for makes an allow rule not match.
 * A deny rule for this workload refuses as if it were met; one that comes from a wider target does
 * not apply, as with HTTP conditions on a port without HTTP.
 */
export function toConditions(
  when: readonly RuleCondition[],
  context: ConditionContext,
): Conditions {
  const conditions: ConditionIr[] = [];
  const findings: Finding[] = [];
  let applies = true;
  for (const [index, condition] of when.entries()) {
    if (condition.kind === 'header') {
      conditions.push(condition);
      continue;
    }
    const field = `${context.field}.when[${String(index)}]`;
    const { claim, values } = condition;
    const found = issuersOf(condition, context);
    if (found.problem !== undefined) findings.push(notVerifiable(field, found.problem, context));
    else if (context.list === 'deny' && context.jwt?.isRequired === false) {
      findings.push(notRequired(field, context));
    }
    if (found.issuers.length > 0) {
      conditions.push({ kind: 'claim', claim, issuers: found.issuers, values });
    } else if (context.list === 'allow' || isWide(context.reach) || !isBlind(found)) {
      applies = false;
    }
  }
  return { when: applies ? conditions : undefined, findings };
}

interface Issuers {
  readonly issuers: readonly string[];
  readonly problem?: Problem;
}

interface Problem {
  readonly says: string;
  /** What follows for a rule of the list. */
  readonly allow: string;
  readonly deny: string;
  /** Tokens with the claim may go by unseen; otherwise they are refused before any rule. */
  readonly isBlind: boolean;
}

const admitsNobody = 'the rule admits nobody';

function issuersOf({ issuer }: ClaimCondition, context: ConditionContext): Issuers {
  const { jwt, list, protocol, reach } = context;
  // No HTTP, no claims: what that means is decided with the other conditions on HTTP.
  if (protocol === 'tcp') return { issuers: [issuer ?? ''] };
  const configured = jwt?.issuers.map((entry) => entry.issuer) ?? [];
  if (configured.length === 0) {
    const deny = isWide(reach) ? 'the rule does not apply' : 'the rule refuses without asking';
    const says = 'no JWT issuer is set for the port';
    return { issuers: [], problem: { says, allow: admitsNobody, deny, isBlind: true } };
  }
  if (issuer !== undefined) {
    if (configured.includes(issuer)) return { issuers: [issuer] };
    const says = `the issuer ${issuer} is not among those set for the port`;
    const deny = 'the rule refuses nobody: its tokens are refused before it';
    return { issuers: [], problem: { says, allow: admitsNobody, deny, isBlind: false } };
  }
  if (configured.length === 1) return { issuers: configured };
  const says = `the port has ${String(configured.length)} JWT issuers, and the condition names none`;
  const deny = 'the claim of any of them refuses';
  const problem = { says, allow: admitsNobody, deny, isBlind: false };
  return { issuers: list === 'deny' ? configured : [], problem };
}

function isBlind({ problem }: Issuers): boolean {
  return problem?.isBlind === true;
}

function isWide({ target }: Reach): boolean {
  return target.kind === 'Mesh' || target.kind === 'Namespace';
}

function notVerifiable(field: string, problem: Problem, context: ConditionContext): Finding {
  const { object, port, list } = context;
  return {
    object,
    code: 'ClaimNotVerifiable',
    severity: 'error',
    field,
    message: `${problem.says}, so ${problem[list]}`,
    ports: [port],
  };
}

function notRequired(field: string, { object, port }: ConditionContext): Finding {
  return {
    object,
    code: 'TokenNotRequired',
    severity: 'warning',
    field,
    message: 'the rule refuses by a claim, and a caller may come without a token',
    ports: [port],
  };
}
