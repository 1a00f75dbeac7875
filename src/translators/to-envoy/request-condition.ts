/** What a request carries, for RBAC: the entries of `when`. */
import type { AuthorizationIr, ConditionIr } from '../../ir/index.js';
import { spellClaim, spellTokenProblem } from './claim-condition.js';
import type {
  HttpFilter,
  Principal,
  StringMatcher,
  TypedMessage,
  ValueMatcher,
} from '../../envoy/index.js';
import { any } from './principal.js';

/** The filter that gathers headers, and its settings on a route. */
export const gatherFilter = 'envoy.filters.http.header_to_metadata';

type Gather = TypedMessage<'envoy.extensions.filters.http.header_to_metadata.v3.Config'>;

const gatherType = 'type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config';

/** Dynamic metadata with the headers that allow rules compare. */
const gathered = 'skerry.headers';

/**
 * Envoy's RBAC compares the lines of a repeated header one by one, and one that fits is enough
 * (1.40): right for a deny, but an allow must not be had by a line beside another. This filter joins
 * the lines by commas, and allow rules read what it leaves. It stands in every chain, switched off
 * until a route says which headers, so that open connections meet new rules.
 */
export function spellGatherFilter(): HttpFilter {
  return { name: gatherFilter, typed_config: { '@type': gatherType }, disabled: true };
}

/** Which headers are gathered for these rules; undefined: none. */
export function spellGatheredHeaders(verdicts: readonly AuthorizationIr[]): Gather | undefined {
  const found = verdicts.flatMap(({ allow, deny }) => [
    ...allow.flatMap(({ when }) => when.flatMap(comparedHeaders)),
    ...deny.flatMap(({ when }) => (when.some(isAmbiguity) ? ['authorization'] : [])),
  ]);
  if (found.length === 0) return undefined;
  const names = [...new Set(found)].sort();
  return {
    '@type': gatherType,
    request_rules: names.map((header) => ({
      header,
      on_header_present: { metadata_namespace: gathered, key: header, type: 'STRING' },
    })),
  };
}

function comparedHeaders(condition: ConditionIr): readonly string[] {
  if (condition.kind !== 'header') return [];
  return condition.values.every((value) => value === '*') ? [] : [condition.name];
}

function isAmbiguity(condition: ConditionIr): boolean {
  return condition.kind === 'token' && condition.problem.kind === 'ambiguous';
}

/** One entry of `when`. */
export function spellCondition(condition: ConditionIr, effect: 'allow' | 'deny'): Principal {
  switch (condition.kind) {
    case 'header':
      return any(condition.values.map((value) => spellHeader(condition.name, value, effect)));
    case 'claim':
      return any(spellClaim(condition));
    case 'token':
      return spellTokenProblem(condition.problem, (value) => inGathered('authorization', value));
  }
}

function spellHeader(name: string, value: string, effect: 'allow' | 'deny'): Principal {
  if (value === '*') return { header: { name, present_match: true } };
  const isPrefix = value.endsWith('*');
  const text = isPrefix ? value.slice(0, -1) : value;
  if (effect === 'deny') return { header: { name, string_match: spellMember(text, isPrefix) } };
  return inGathered(name, {
    string_match: isPrefix
      ? { safe_regex: { regex: `${quoteRegex(text)}[^,]*` } }
      : { exact: text },
  });
}

function inGathered(key: string, value: ValueMatcher): Principal {
  return {
    sourced_metadata: { metadata_matcher: { filter: gathered, path: [{ key }], value } },
  };
}

/** Finds the text between any two commas. \C is any byte: a dot would not cross what is no UTF-8. */
function spellMember(text: string, isPrefix: boolean): StringMatcher {
  const end = isPrefix ? '\\C*' : '[ \\t]*(?:,\\C*)?';
  return { safe_regex: { regex: `(?:\\C*,)?[ \\t]*${quoteRegex(text)}${end}` } };
}

/** The text as a regular expression (RE2) that matches it and nothing else. */
function quoteRegex(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_-]/g, '\\$&');
}
