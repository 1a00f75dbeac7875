/** What a token says, for RBAC: claims, and what makes a token count. */
import type { ConditionIr, TokenProblem } from '../../ir/index.js';
import type { Principal, ValueMatcher } from '../../envoy/index.js';
import { all } from './principal.js';

/** Where the filter that verifies tokens leaves the claims of each issuer, under its name. */
const verified = 'envoy.filters.http.jwt_authn';

/** Claims that are lists in one text, by RFC 8693, section 4.2. */
export const spaceDelimitedClaims: readonly string[] = ['scope'];

/** A claim of one of the issuers has one of the values. */
export function spellClaim(
  condition: Extract<ConditionIr, { kind: 'claim' }>,
): readonly Principal[] {
  const value = spellValues(condition.values);
  return condition.issuers.flatMap((issuer) =>
    pathsOf(condition.claim).map((path) => inToken(issuer, path, value)),
  );
}

/** The token is not what it has to be; `gathered` has the lines of `authorization` joined. */
export function spellTokenProblem(
  problem: TokenProblem,
  authorization: (value: ValueMatcher) => Principal,
): Principal {
  switch (problem.kind) {
    case 'missing':
      return all(problem.issuers.map((issuer) => ({ not_id: inToken(issuer, ['iss'], present) })));
    case 'ambiguous':
      return all([
        authorization({ string_match: { safe_regex: { regex: '\\C*(?i:bearer)\\C*' } } }),
        {
          not_id: authorization({
            string_match: { safe_regex: { regex: 'Bearer [A-Za-z0-9._~+/-]+=*' } },
          }),
        },
      ]);
  }
}

const present: ValueMatcher = { present_match: true };

function inToken(issuer: string, path: readonly string[], value: ValueMatcher): Principal {
  return {
    sourced_metadata: {
      metadata_matcher: {
        filter: verified,
        path: [issuer, ...path].map((key) => ({ key })),
        value,
      },
    },
  };
}

/** `a.b` is a claim of this name, or `b` in the map `a`. */
function pathsOf(claim: string): readonly (readonly string[])[] {
  const steps = claim.split('.');
  const isPath = steps.length > 1 && steps.every((step) => step !== '');
  return isPath ? [[claim], steps] : [[claim]];
}

/** A claim that is a list has each of its entries as a value. */
function spellValues(values: readonly string[]): ValueMatcher {
  if (values.includes('*')) return present;
  const one = either(values.flatMap(spellScalar));
  return either([one, { list_match: { one_of: one } }]);
}

function spellScalar(value: string): readonly ValueMatcher[] {
  if (value.endsWith('*')) return [{ string_match: { prefix: value.slice(0, -1) } }];
  const isNumber = /^-?(0|[1-9]\d*)(\.\d+)?$/.test(value);
  return [
    { string_match: { exact: value } },
    ...(isNumber ? [{ double_match: { exact: Number(value) } }] : []),
    ...(value === 'true' || value === 'false' ? [{ bool_match: value === 'true' }] : []),
  ];
}

function either(matchers: readonly ValueMatcher[]): ValueMatcher {
  const [first, ...rest] = matchers;
  return rest.length === 0 && first !== undefined
    ? first
    : { or_match: { value_matchers: matchers } };
}
