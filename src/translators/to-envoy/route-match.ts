/** Which requests a route takes. */
import type { RouteMatchIr } from '../../ir/index.js';
import type { TextMatch } from '../../model/index.js';
import type {
  HeaderMatcher,
  QueryParameterMatcher,
  RouteMatch,
  StringMatcher,
} from '../../envoy/index.js';

/** The match; paths are compared without the query, regular expressions with the whole value. */
export function spellRouteMatch(ir: RouteMatchIr): RouteMatch {
  const headers = ir.headers.map(spellHeader);
  if (ir.method !== undefined) {
    headers.unshift({ name: ':method', string_match: { exact: ir.method } });
  }
  return {
    ...spellPath(ir.path),
    ...(headers.length === 0 ? {} : { headers }),
    ...(ir.queryParams.length === 0 ? {} : { query_parameters: ir.queryParams.map(spellQuery) }),
  };
}

/** A path prefix without its slashes at the end: `/a/` and `/a` are the same segments, `/` is none. */
export function trimPrefix(prefix: string): string {
  let end = prefix.length;
  while (end > 0 && prefix[end - 1] === '/') end -= 1;
  return prefix.slice(0, end);
}

function spellPath(path: RouteMatchIr['path']): RouteMatch {
  // Not `/`: the path of `OPTIONS *` is `*`.
  if (path === undefined) return { prefix: '' };
  switch (path.type) {
    case 'Exact':
      return { path: path.value };
    case 'RegularExpression':
      return { safe_regex: { regex: path.value } };
    case 'PathPrefix': {
      const prefix = trimPrefix(path.value);
      return prefix === '' ? { prefix: '/' } : { path_separated_prefix: prefix };
    }
  }
}

function spellHeader(header: TextMatch & { readonly name: string }): HeaderMatcher {
  // Envoy keeps the Host header of every HTTP version under its HTTP/2 name.
  const name = header.name.toLowerCase() === 'host' ? ':authority' : header.name;
  const match = spellText(header);
  return match === undefined ? { name, present_match: true } : { name, string_match: match };
}

function spellQuery(param: TextMatch & { readonly name: string }): QueryParameterMatcher {
  const match = spellText(param);
  return match === undefined
    ? { name: param.name, present_match: true }
    : { name: param.name, string_match: match };
}

/** Undefined: any value, also an empty one. */
function spellText(match: TextMatch): StringMatcher | undefined {
  switch (match.type) {
    case 'Present':
      return undefined;
    case 'Exact':
      return { exact: match.value };
    case 'Prefix':
      // Envoy refuses an empty prefix; every value has it.
      return match.value === '' ? undefined : { prefix: match.value };
    case 'RegularExpression':
      return { safe_regex: { regex: match.value } };
  }
}
