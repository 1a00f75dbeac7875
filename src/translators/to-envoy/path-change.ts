/** New paths: the whole, or the matched prefix, with slashes that come out right. */
import type { RouteMatchIr } from '../../ir/index.js';
import type { PathChange } from '../../model/index.js';
import { trimPrefix } from './route-match.js';

/** How routes and redirects say a new path; the query stays. */
export interface PathRewrite {
  readonly prefix_rewrite?: string;
  readonly regex_rewrite?: {
    readonly pattern: { readonly regex: string };
    readonly substitution: string;
  };
}

/**
 * The rewrite. By segments: of `/a/b` under prefix `/a`, `/b` is kept behind the new prefix, and
 * nothing left is `/`. Where no prefix was matched (exact path, regular expression) the whole path
 * is replaced.
 */
export function spellPathChange(change: PathChange, path: RouteMatchIr['path']): PathRewrite {
  if (change.kind === 'replace') return rewrite('^.*$', change.value);
  if (path !== undefined && path.type !== 'PathPrefix') return rewrite('^.*$', change.value);
  const from = trimPrefix(path?.value ?? '/');
  const to = trimPrefix(change.value);
  if (from === '') return to === '' ? {} : rewrite('^/', `${to}/`);
  // Replacing `/a` by `/` as it stands would make `//b` of `/a/b`.
  if (to === '') return rewrite(`^${quote(from)}/?`, '/');
  return { prefix_rewrite: to };
}

function rewrite(regex: string, path: string): PathRewrite {
  // In a substitution only the backslash speaks (RE2::Rewrite).
  const substitution = (path === '' ? '/' : path).replaceAll('\\', '\\\\');
  return { regex_rewrite: { pattern: { regex }, substitution } };
}

/** The text as an RE2 pattern that matches it alone. */
function quote(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
