/** Authorization as Envoy RBAC: one filter of action DENY whose policies carry the users' names. */
import type {
  AuthorizationIr,
  AuthorizationRuleIr,
  CallerIr,
  CallerTermIr,
  OperationIr,
} from '../../ir/index.js';
import type { Principal, RbacPolicy, RbacRules, StringMatcher } from '../../envoy/index.js';
import { all, any, everybody, nobody } from './principal.js';
import { spellCondition } from './request-condition.js';
import { spellCidr } from './values.js';

/** The name of a refusal that nobody's policy spoke of. */
export const defaultRefusal = 'skerry/default';

/** Starts the statistics and metadata of shadow rules. */
export const auditPrefix = 'audit_';

/** What the rules are enforced on; the network filter knows no HTTP conditions and refuses them. */
export type RbacWire = 'http' | 'tcp';

/**
 * The rules for one port. A deny rule is a policy of its own name; what no allow rule admits is
 * refused by a policy named after who decided so, hence a refusal always names its cause.
 */
export function spellRbac(authorization: AuthorizationIr, wire: RbacWire): RbacRules {
  const principals = new Map<string, Principal[]>();
  const refuse = (name: string, principal: Principal): void => {
    const known = principals.get(name);
    if (known === undefined) principals.set(name, [principal]);
    else known.push(principal);
  };
  for (const rule of authorization.deny) refuse(rule.name, spellDeny(rule, wire));
  if (authorization.otherwise.verdict === 'deny') {
    const name =
      authorization.otherwise.name === '' ? defaultRefusal : authorization.otherwise.name;
    refuse(name, spellOtherwise(authorization, name, wire));
  }
  const policies: Record<string, RbacPolicy> = {};
  for (const [name, ids] of principals) {
    policies[name] = { permissions: [{ any: true }], principals: ids };
  }
  return { action: 'DENY', policies };
}

/** Everybody is refused: what stands where the port's own rules have not arrived. */
export function spellRefuseAll(): RbacRules {
  return {
    action: 'DENY',
    policies: { [defaultRefusal]: { permissions: [{ any: true }], principals: [everybody] } },
  };
}

/**
 * None of the allow rules. Envoy reports the first policy that matches in the order of their
 * names, so deny rules that sort later are left to speak for themselves.
 */
function spellOtherwise(authorization: AuthorizationIr, name: string, wire: RbacWire): Principal {
  const allowed = authorization.allow.map((rule) => spellRule(rule, wire, 'allow'));
  const later = authorization.deny
    .filter((rule) => rule.name > name)
    .map((rule) => spellDeny(rule, wire));
  return all([...allowed, ...later].map((principal) => ({ not_id: principal })));
}

function spellDeny(rule: AuthorizationRuleIr, wire: RbacWire): Principal {
  return spellRule(rule, wire, 'deny');
}

function spellRule(rule: AuthorizationRuleIr, wire: RbacWire, effect: 'allow' | 'deny'): Principal {
  const callers = rule.from.map(spellCaller);
  if (rule.alsoWithoutIdentity) callers.push({ not_id: { authenticated: {} } });
  const from = rule.from.length === 0 ? everybody : any(callers);
  if (rule.to.length === 0 && rule.when.length === 0) return from;
  // The IR promises no HTTP conditions on TCP; were the promise broken, the stricter reading holds.
  if (wire === 'tcp') return effect === 'allow' ? nobody : from;
  return all([
    from,
    ...(rule.to.length === 0 ? [] : [any(rule.to.map(spellOperation))]),
    ...rule.when.map((condition) => spellCondition(condition, effect)),
  ]);
}

function spellCaller(caller: CallerIr): Principal {
  return all([
    ...caller.all.map((alternatives) => any(alternatives.map(spellTerm))),
    ...caller.not.map((other) => ({ not_id: spellCaller(other) })),
  ]);
}

function spellTerm(term: CallerTermIr): Principal {
  switch (term.kind) {
    case 'cidr':
      // The connection's peer: `remote_ip` would believe a forwarded header.
      return { direct_remote_ip: spellCidr(term.cidr) };
    case 'identity':
      if (term.match === 'exact')
        return { authenticated: { principal_name: { exact: term.value } } };
      // An empty prefix is refused by Envoy; it means any identity.
      if (term.value === '') return { authenticated: {} };
      return { authenticated: { principal_name: { prefix: term.value } } };
  }
}

function spellOperation(operation: OperationIr): Principal {
  const conditions: Principal[] = [];
  if (operation.methods.length > 0) {
    conditions.push(
      any(
        operation.methods.map((exact) => ({
          header: { name: ':method', string_match: { exact } },
        })),
      ),
    );
  }
  if (operation.paths.length > 0) {
    conditions.push(any(operation.paths.map(spellPath)));
  }
  return all(conditions);
}

/** Compared without the query (Envoy's PathMatcher). */
function spellPath(path: string): Principal {
  if (path === '*') return everybody;
  const matcher: StringMatcher = path.endsWith('*')
    ? { prefix: path.slice(0, -1) }
    : { exact: path };
  return { url_path: { path: matcher } };
}
