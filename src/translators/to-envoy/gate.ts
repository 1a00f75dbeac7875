/** Keeps a server that speaks first silent towards callers who will be refused. */
import type {
  AuthorizationIr,
  AuthorizationRuleIr,
  CallerIr,
  CallerTermIr,
} from '../../ir/index.js';
import { and, cel, not, or, quoteCel, type Condition } from './condition.js';
import type { NetworkFilter } from '../../envoy/index.js';
import { defaultRefusal } from './rbac.js';

/** Filter state with the rules that closed a connection at its handshake; for access logs. */
export const deniedByKey = 'skerry.denied_by';

/** Nobody can listen there: connecting fails at once. */
const nowhere = '127.0.0.6:0';

/**
 * Envoy's CEL parser takes 100,000 characters and about 24 nested parentheses and refuses the
 * whole listener beyond (measured on 1.40). The RBAC filter rules alone then.
 */
const maxExpressionLength = 90_000;
const maxNesting = 16;

/**
 * The RBAC filter of a TCP chain decides at the caller's first byte, but the proxy behind it
 * connects to the app at once, and what a server says first would reach anybody (measured on Envoy
 * 1.40). This filter stands before both and, when the handshake has shown the caller's identity,
 * turns connections that cannot be admitted away from the app. Where the answer depends on an
 * address it leaves them to RBAC, which stays the judge. Undefined: nobody is turned away.
 */
export function spellGate(
  authorization: AuthorizationIr,
  transport: 'mesh' | 'plain',
): NetworkFilter | undefined {
  const denials = listDenials(authorization, transport);
  const denied = or(denials.map((denial) => denial.condition));
  if (denied === false) return undefined;
  const address = chooseText(denied, nowhere);
  const names = denials.map(({ name, condition }) => chooseText(condition, `[${name}]`));
  if (![address, ...names].every(isParsable)) return undefined;
  const state = (key: string, format: string, factory: object) => ({
    object_key: key,
    ...factory,
    skip_if_empty: true,
    format_string: { text_format_source: { inline_string: format } },
  });
  return {
    name: 'envoy.filters.network.set_filter_state',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.set_filter_state.v3.Config',
      // Plaintext has no handshake; there this runs when the connection is accepted.
      on_downstream_tls_handshake: [
        state('envoy.network.transport_socket.original_dst_address', address, {}),
        state(deniedByKey, names.join(''), { factory_key: 'envoy.string' }),
      ],
    },
  };
}

function isParsable(text: string): boolean {
  let depth = 0;
  // Quoted text holds no parentheses: they are escaped there.
  for (const [parenthesis] of text.matchAll(/[()]/g)) {
    depth += parenthesis === '(' ? 1 : -1;
    if (depth > maxNesting) return false;
  }
  return text.length <= maxExpressionLength;
}

/** `text` where the condition holds, else nothing, as a format string. */
function chooseText(condition: Condition, text: string): string {
  if (condition === false) return '';
  if (condition === true) return text.replaceAll('%', '%%');
  return `%CEL(${condition.cel} ? ${quoteCel(text)} : '')%`;
}

/** What certainly refuses, each with the name it is known by. */
function listDenials(
  authorization: AuthorizationIr,
  transport: 'mesh' | 'plain',
): { name: string; condition: Condition }[] {
  const denials = authorization.deny.map((rule) => ({
    name: rule.name,
    condition: spellRule(rule, transport).must,
  }));
  if (authorization.otherwise.verdict === 'allow') return denials;
  const admitted = or(authorization.allow.map((rule) => spellRule(rule, transport).may));
  const name = authorization.otherwise.name === '' ? defaultRefusal : authorization.otherwise.name;
  return [...denials, { name, condition: not(admitted) }];
}

/** Addresses cannot be compared here: what depends on one may hold and need not. */
interface Bounds {
  readonly may: Condition;
  readonly must: Condition;
}

function spellRule(rule: AuthorizationRuleIr, transport: 'mesh' | 'plain'): Bounds {
  // HTTP conditions have no meaning on TCP: RBAC reads them.
  if (rule.to.length > 0 || rule.when.length > 0) return { may: true, must: false };
  if (rule.from.length === 0) return exactly(true);
  const callers = rule.from.map((caller) => spellCaller(caller, transport));
  if (rule.alsoWithoutIdentity) callers.push(exactly(transport === 'plain'));
  return anyOf(callers);
}

function spellCaller(caller: CallerIr, transport: 'mesh' | 'plain'): Bounds {
  return allOf([
    ...caller.all.map((terms) => spellAlternatives(terms, transport)),
    ...caller.not.map((other) => {
      const { may, must } = spellCaller(other, transport);
      return { may: not(must), must: not(may) };
    }),
  ]);
}

function spellAlternatives(terms: readonly CallerTermIr[], transport: 'mesh' | 'plain'): Bounds {
  const exact: string[] = [];
  const others: Bounds[] = [];
  for (const term of terms) {
    if (term.kind === 'cidr') others.push({ may: true, must: false });
    else if (transport === 'plain') others.push(exactly(false));
    else if (term.match === 'exact') exact.push(quoteCel(term.value));
    // One by one: Envoy's CEL knows no comprehensions (measured on 1.40).
    else others.push(exactly(cel(`${identity}.startsWith(${quoteCel(term.value)})`)));
  }
  if (exact.length > 0) others.push(exactly(cel(`${identity} in [${exact.join(', ')}]`)));
  return anyOf(others);
}

/** The caller's SPIFFE id; mesh certificates carry one URI. */
const identity = 'connection.uri_san_peer_certificate';

function exactly(condition: Condition): Bounds {
  return { may: condition, must: condition };
}

function anyOf(bounds: readonly Bounds[]): Bounds {
  return { may: or(bounds.map(({ may }) => may)), must: or(bounds.map(({ must }) => must)) };
}

function allOf(bounds: readonly Bounds[]): Bounds {
  return { may: and(bounds.map(({ may }) => may)), must: and(bounds.map(({ must }) => must)) };
}
