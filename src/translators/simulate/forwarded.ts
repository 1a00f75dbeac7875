/** What a route makes of a request before it sends it on: the callee's rules see that, and not what the app has said. */
import type { RouteIr } from '../../ir/index.js';
import type { HeaderChanges, PathChange } from '../../model/index.js';
import { trimPrefix } from '../to-envoy/route-match.js';
import { normalizePath } from './request-path.js';

/** The parts of a request that a route may change. */
export interface ForwardedParts {
  /** With its query. */
  readonly path: string;
  /** Lower-case names; the lines of a repeated header are joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The request as it leaves the caller's sidecar by `route`. */
export function forwardedBy(
  { action, match, requestHeaders }: RouteIr,
  { path, headers }: ForwardedParts,
): ForwardedParts {
  const change = action.kind === 'forward' ? action.rewritePath : undefined;
  return {
    path: change === undefined ? path : changePath(path, change, match.path),
    headers: changeHeaders(headers, requestHeaders),
  };
}

/** As `spellPathChange` tells Envoy to do it. */
function changePath(target: string, change: PathChange, match: RouteIr['match']['path']): string {
  const at = target.indexOf('?');
  const query = at < 0 ? '' : target.slice(at);
  const path = normalizePath(target) ?? target;
  if (change.kind === 'replace' || (match !== undefined && match.type !== 'PathPrefix')) {
    return `${change.value === '' ? '/' : change.value}${query}`;
  }
  const kept = path.slice(trimPrefix(match?.value ?? '/').length);
  const to = trimPrefix(change.value);
  const isRooted = to === '' && !kept.startsWith('/');
  return `${to}${isRooted ? '/' : ''}${kept}${query}`;
}

function changeHeaders(
  headers: Readonly<Record<string, string>>,
  { set, add, remove }: HeaderChanges,
): Readonly<Record<string, string>> {
  const changed = new Map(Object.entries(headers));
  for (const [name, value] of Object.entries(set)) changed.set(name.toLowerCase(), value);
  for (const [name, value] of Object.entries(add)) {
    const before = changed.get(name.toLowerCase());
    changed.set(name.toLowerCase(), before === undefined ? value : `${before},${value}`);
  }
  for (const name of remove) changed.delete(name.toLowerCase());
  return Object.fromEntries(changed);
}
