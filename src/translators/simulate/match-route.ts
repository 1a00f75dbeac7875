/** Which route of a virtual host takes a request, and why those before it do not. */
import { RE2JS } from 're2js';
import type { RouteIr, RouteMatchIr, VirtualHostIr } from '../../ir/index.js';
import type { TextMatch } from '../../model/index.js';
import { normalizePath } from './request-path.js';

/** A request as the sidecar gets it. */
export interface RequestView {
  readonly method: string;
  /** A query, if there is one, is not looked at. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of a repeated name the first value, nothing unescaped: see `parseQuery`. */
  readonly query: Readonly<Record<string, string>>;
}

/** A route that did not match. */
export interface PassedRoute {
  readonly route: RouteIr;
  /** The first condition that did not hold, e.g. `method is GET, not POST`. */
  readonly reason: string;
}

/** The route that takes a request. */
export interface RouteChoice {
  readonly route: RouteIr;
  readonly index: number;
  /** Those before it, in order. */
  readonly passed: readonly PassedRoute[];
}

/** The first route that matches; undefined when none does, or when the path is refused with 400. */
export function matchRoute(vhost: VirtualHostIr, request: RequestView): RouteChoice | undefined {
  const path = normalizePath(request.path);
  if (path === undefined) return undefined;
  const seen = { ...request, path, headers: lowerCaseNames(request.headers) };
  const passed: PassedRoute[] = [];
  for (const [index, route] of vhost.routes.entries()) {
    const reason = findMismatch(route.match, seen);
    if (reason === undefined) return { route, index, passed };
    passed.push({ route, reason });
  }
  return undefined;
}

function lowerCaseNames(headers: RequestView['headers']): ReadonlyMap<string, string> {
  return new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

interface Seen extends Omit<RequestView, 'headers'> {
  readonly headers: ReadonlyMap<string, string>;
}

/** Undefined when everything holds. */
function findMismatch(match: RouteMatchIr, request: Seen): string | undefined {
  const { path, method } = match;
  if (path !== undefined && !matchesPath(path, request.path)) {
    return `path is ${request.path}, which is not ${path.type} ${path.value}`;
  }
  if (method !== undefined && method !== request.method) {
    return `method is ${request.method}, not ${method}`;
  }
  for (const header of match.headers) {
    const value = headerValue(request.headers, header.name.toLowerCase());
    if (!matchesText(header, value)) return describe('header', header, value);
  }
  for (const param of match.queryParams) {
    const value = Object.hasOwn(request.query, param.name) ? request.query[param.name] : undefined;
    if (!matchesText(param, value)) return describe('query parameter', param, value);
  }
  return undefined;
}

/** Host is one header under two names. */
function headerValue(headers: ReadonlyMap<string, string>, name: string): string | undefined {
  return name === 'host' || name === ':authority'
    ? (headers.get('host') ?? headers.get(':authority'))
    : headers.get(name);
}

function matchesPath(match: NonNullable<RouteMatchIr['path']>, path: string): boolean {
  switch (match.type) {
    case 'Exact':
      return path === match.value;
    case 'RegularExpression':
      return matchesWhole(match.value, path);
    case 'PathPrefix': {
      const prefix = match.value.replace(/\/+$/, '');
      return path === prefix || path.startsWith(`${prefix}/`);
    }
  }
}

function matchesText(match: TextMatch, value: string | undefined): boolean {
  if (value === undefined) return false;
  switch (match.type) {
    case 'Present':
      return true;
    case 'Exact':
      return value === match.value;
    case 'Prefix':
      return value.startsWith(match.value);
    case 'RegularExpression':
      return matchesWhole(match.value, value);
  }
}

/** RE2 as in Envoy's `safe_regex`: the whole value, in time linear in its length. */
function matchesWhole(pattern: string, value: string): boolean {
  return RE2JS.matches(pattern, value);
}

function describe(
  what: string,
  match: TextMatch & { readonly name: string },
  value: string | undefined,
): string {
  if (value === undefined) return `${what} ${match.name} is absent`;
  return `${what} ${match.name} is ${value}, which is not ${match.type} ${match.value}`;
}
