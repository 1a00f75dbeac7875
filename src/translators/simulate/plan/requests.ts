/** Requests that conditions tell apart: whatever differs by a condition differs on one of them. */
import type {
  AuthorizationIr,
  ConditionIr,
  InboundPortIr,
  RouteIr,
  RouteMatchIr,
  VirtualHostIr,
} from '../../../ir/index.js';
import type { TextMatch } from '../../../model/index.js';
import { trimPrefix } from '../../to-envoy/route-match.js';
import { forwardedBy } from '../forwarded.js';
import { sampleRegex } from './sample-regex.js';

/** A request to judge. */
export interface SampleRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What the conditions were found to ask for. */
export interface Samples {
  readonly requests: readonly SampleRequest[];
  /** Conditions for which no request could be made, as text. */
  readonly uncovered: readonly string[];
  /** There are more combinations than were made. */
  readonly isCut: boolean;
}

/** A way in which requests differ: one value of each is taken, `undefined` standing for absence. */
interface Dimension {
  readonly kind: 'method' | 'path' | 'header' | 'query' | 'token';
  readonly name: string;
  readonly values: Set<string | undefined>;
}

/** Stands for every value that no condition names. */
const otherValue = 'other';
const otherPath = '/other';

/** At most `limit` requests that tell apart the conditions of these virtual hosts and ports. */
export function sampleRequests(
  hosts: readonly VirtualHostIr[],
  ports: readonly InboundPortIr[],
  limit: number,
): Samples {
  const dimensions = new Map<string, Dimension>();
  const uncovered = new Set<string>();
  const dimension = (kind: Dimension['kind'], name = ''): Set<string | undefined> => {
    const key = `${kind} ${name}`;
    const found = dimensions.get(key) ?? { kind, name, values: new Set([undefined]) };
    dimensions.set(key, found);
    return found.values;
  };
  const context = { dimension, uncovered };
  for (const host of hosts) for (const { match } of host.routes) addMatch(match, context);
  for (const port of ports) {
    for (const { issuers } of port.jwt === undefined ? [] : [port.jwt]) {
      const tokens = dimension('token');
      tokens.add('malformed');
      for (const { issuer, audiences } of issuers) {
        tokens.add(
          token({ iss: issuer, ...(audiences[0] === undefined ? {} : { aud: audiences[0] }) }),
        );
      }
    }
    addRules(port, context);
    for (const host of hosts) for (const route of host.routes) addRewritten(route, port, context);
  }
  return { ...combine([...dimensions.values()], limit), uncovered: [...uncovered] };
}

interface Context {
  readonly dimension: (kind: Dimension['kind'], name?: string) => Set<string | undefined>;
  readonly uncovered: Set<string>;
}

function addMatch(match: RouteMatchIr, context: Context): void {
  const { dimension, uncovered } = context;
  if (match.method !== undefined) dimension('method').add(match.method);
  if (match.path !== undefined) {
    const { type, value } = match.path;
    const paths = dimension('path');
    switch (type) {
      case 'Exact':
        paths.add(value);
        break;
      case 'PathPrefix':
        paths.add(value).add(`${value.replace(/\/+$/, '')}/x`);
        break;
      case 'RegularExpression': {
        const sample = sampleRegex(value);
        if (sample?.startsWith('/') === true) paths.add(sample);
        else uncovered.add(`path RegularExpression ${value}`);
      }
    }
  }
  for (const [kind, conditions] of [
    ['header', match.headers],
    ['query', match.queryParams],
  ] as const) {
    for (const condition of conditions) {
      const values = dimension(kind, condition.name.toLowerCase()).add(otherValue);
      const sample = sampleText(condition);
      if (sample === undefined) uncovered.add(`${kind} ${condition.name} ${condition.value}`);
      else values.add(sample);
    }
  }
}

function sampleText({ type, value }: TextMatch): string | undefined {
  switch (type) {
    case 'Exact':
      return value;
    case 'Prefix':
      return `${value}x`;
    case 'Present':
      return otherValue;
    case 'RegularExpression':
      return sampleRegex(value);
  }
}

function addRules(port: InboundPortIr, context: Context): void {
  const { dimension } = context;
  for (const { to, when } of rulesOf(port.http)) {
    for (const { methods, paths } of to) {
      for (const method of methods) dimension('method').add(method);
      for (const sample of paths.flatMap(samplePaths)) dimension('path').add(sample);
    }
    for (const condition of when) addCondition(condition, port, context);
  }
}

/** Of a path that a rule names: one that it is met by, and for a prefix the shortest. */
function samplePaths(path: string): readonly (string | undefined)[] {
  if (!path.endsWith('*')) return [path];
  return [`${path.slice(0, -1)}x`, path.slice(0, -1) || undefined];
}

/** What rules name is what a route sends on; where it rewrites paths, the app asks for others. */
function addRewritten(route: RouteIr, port: InboundPortIr, { dimension }: Context): void {
  for (const { to } of rulesOf(port.http)) {
    for (const path of to.flatMap(({ paths }) => paths).flatMap(samplePaths)) {
      const source = path === undefined ? undefined : sourceOf(route, path);
      if (source !== undefined) dimension('path').add(source);
    }
  }
}

/** The path that `route` makes `path` of by its new prefix, if there is one. */
function sourceOf(route: RouteIr, path: string): string | undefined {
  const { action, match } = route;
  const change = action.kind === 'forward' ? action.rewritePath : undefined;
  if (change?.kind !== 'prefix') return undefined;
  const to = trimPrefix(change.value);
  if (!path.startsWith(to)) return undefined;
  const source = `${trimPrefix(match.path?.value ?? '/')}${path.slice(to.length)}`;
  if (!source.startsWith('/')) return undefined;
  return forwardedBy(route, { path: source, headers: {} }).path === path ? source : undefined;
}

function addCondition(condition: ConditionIr, port: InboundPortIr, { dimension }: Context): void {
  switch (condition.kind) {
    case 'header': {
      const values = dimension('header', condition.name).add(otherValue);
      for (const value of condition.values) {
        values.add(value.endsWith('*') ? `${value.slice(0, -1)}x` : value);
      }
      return;
    }
    case 'claim':
      for (const iss of condition.issuers) {
        const aud = port.jwt?.issuers.find(({ issuer }) => issuer === iss)?.audiences[0];
        for (const value of condition.values) {
          const text = value.endsWith('*') ? `${value.slice(0, -1)}x` : value;
          const claims = { iss, ...(aud === undefined ? {} : { aud }), [condition.claim]: [text] };
          dimension('token').add(token(claims));
        }
      }
      return;
    case 'token':
      dimension('token').add('malformed');
  }
}

/** All rules of a port. */
export function rulesOf({ deny, allow }: AuthorizationIr): AuthorizationIr['deny'] {
  return [...deny, ...allow];
}

function token(claims: Readonly<Record<string, unknown>>): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part(claims)}.${part('unsigned')}`;
}

/**
 * All combinations where there are few enough; else each value beside each other value of one more
 * dimension, as far as the limit goes.
 */
function combine(
  dimensions: readonly Dimension[],
  limit: number,
): Pick<Samples, 'requests' | 'isCut'> {
  const lists = dimensions.map((each) => [...each.values]);
  const total = lists.reduce((product, values) => product * values.length, 1);
  if (total <= limit) {
    let rows: readonly (readonly (string | undefined)[])[] = [[]];
    for (const values of lists) {
      rows = rows.flatMap((row) => values.map((value) => [...row, value]));
    }
    return { requests: rows.map((row) => toRequest(dimensions, row)), isCut: false };
  }
  const none = lists.map((): string | undefined => undefined);
  const rows = [none];
  for (const [first, values] of lists.entries()) {
    for (const value of values.slice(1)) {
      const row = none.with(first, value);
      rows.push(row);
      for (const [second, others] of lists.entries()) {
        if (second <= first) continue;
        for (const other of others.slice(1)) rows.push(row.with(second, other));
      }
    }
  }
  return { requests: rows.slice(0, limit).map((row) => toRequest(dimensions, row)), isCut: true };
}

function toRequest(
  dimensions: readonly Dimension[],
  row: readonly (string | undefined)[],
): SampleRequest {
  let method: string | undefined;
  let path: string | undefined;
  const query: string[] = [];
  const headers: Record<string, string> = {};
  for (const [index, { kind, name, values }] of dimensions.entries()) {
    const value = row[index];
    if (value === undefined) {
      // What no condition names: GET is the most usual, if it is not named.
      if (kind === 'path') path = otherPath;
      if (kind === 'method') method = usual.find((each) => !values.has(each));
      continue;
    }
    if (kind === 'method') method = value;
    else if (kind === 'path') path = value;
    else if (kind === 'header') headers[name] = value;
    else if (kind === 'query') query.push(`${name}=${value}`);
    else headers['authorization'] = `Bearer ${value}`;
  }
  const target = path ?? '/';
  return {
    method: method ?? 'GET',
    path: query.length === 0 ? target : `${target}?${query.join('&')}`,
    headers,
  };
}

const usual = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'X-OTHER'];
