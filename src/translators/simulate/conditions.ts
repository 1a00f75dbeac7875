/** Whether a request carries what an entry of `when` asks for. */
import type { ConditionIr, TokenProblem } from '../../ir/index.js';
import { valuesOf, type Claims } from './token.js';

/** What a request carries beside its method and path. */
export interface CarriedView {
  /** By lower-case name; the lines of a repeated header are joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  /** Claims that issuers have vouched for, by issuer. */
  readonly claims: ReadonlyMap<string, Claims>;
}

type Effect = 'allow' | 'deny';

/** Whether the condition of a rule with this effect holds. */
export function meetsCondition(
  condition: ConditionIr,
  { headers, claims }: CarriedView,
  effect: Effect,
): boolean {
  switch (condition.kind) {
    case 'header': {
      const { name, values } = condition;
      const found = Object.hasOwn(headers, name) ? headers[name]?.trim() : undefined;
      return found !== undefined && values.some((value) => meetsHeader(value, found, effect));
    }
    case 'claim': {
      const found = condition.issuers.flatMap((issuer) =>
        valuesOf(claims.get(issuer) ?? {}, condition.claim),
      );
      return condition.values.some((value) => found.some((one) => meetsClaim(value, one)));
    }
    case 'token':
      return hasProblem(condition.problem, { headers, claims });
  }
}

/**
 * An allow takes a header as a whole, where a prefix goes on without commas; a deny is met by what
 * stands between any two commas.
 */
function meetsHeader(value: string, found: string, effect: Effect): boolean {
  if (value === '*') return true;
  const isPrefix = value.endsWith('*');
  const text = isPrefix ? value.slice(0, -1) : value;
  if (effect === 'deny') return isAmong(text, isPrefix, found);
  if (!isPrefix) return found === text;
  return found.startsWith(text) && !found.slice(text.length).includes(',');
}

/** Whether `text` begins after a comma (or at the start) and, unless a prefix, ends before one. */
function isAmong(text: string, isPrefix: boolean, found: string): boolean {
  for (let start = 0; ;) {
    const rest = found.slice(start).replace(/^[ \t]+/, '');
    if (rest.startsWith(text) && (isPrefix || /^[ \t]*(,|$)/.test(rest.slice(text.length)))) {
      return true;
    }
    const comma = found.indexOf(',', start);
    if (comma < 0) return false;
    start = comma + 1;
  }
}

/** A list has each of its entries as a value. */
function meetsClaim(value: string, found: unknown): boolean {
  if (value === '*') return true;
  const each: readonly unknown[] = [found].flat();
  return each.some((one) => {
    if (typeof one !== 'string') return String(one) === value && typeof one !== 'object';
    return value.endsWith('*') ? one.startsWith(value.slice(0, -1)) : one === value;
  });
}

function hasProblem(problem: TokenProblem, { headers, claims }: CarriedView): boolean {
  switch (problem.kind) {
    case 'missing':
      return !problem.issuers.some((issuer) => claims.has(issuer));
    case 'ambiguous': {
      const found = headers['authorization'] ?? '';
      return /bearer/i.test(found) && !/^Bearer [\w.~+/-]+=*$/.test(found);
    }
  }
}
