/** `routes`: checks the fields of each rule against each other and converts them. */
import type {
  Backend,
  FaultSetting,
  HeaderChanges,
  PathChange,
  RouteMatch,
  RouteRule,
  TextMatch,
} from '../../../model/index.js';
import { child, descend, readItems, refuse, type Cursor } from '../cursor.js';
import { checkSchema } from './check.js';
import { toCallerRules } from './callers.js';
import { checkNames } from './rule-names.js';
import { toRetrySetting } from './retries.js';
import {
  routeSchema,
  type BackendEntry,
  type FaultEntry,
  type HeaderEntry,
  type MatchEntry,
  type PathEntry,
  type RouteEntry,
} from './routes-schema.js';
import { toServiceRef } from './service-schema.js';
import { durationMs } from './texts.js';

/** How many routes a policy may have. */
export const maxRoutes = 64;

/** The rules, in order; what is wrong in them is in the findings. */
export function readRoutes(cursor: Cursor, ownNamespace: string): readonly RouteRule[] {
  const items = readItems(cursor);
  if (items.length > maxRoutes) {
    refuse({ ...cursor, value: items.length }, `expected at most ${maxRoutes} entries`);
    return [];
  }
  const rules = items.flatMap((item, index) => {
    const entry = checkSchema(item, routeSchema);
    checkRedirect(item);
    if (entry === undefined) return [];
    checkBackends(child(item, 'backends'), entry.backends ?? []);
    checkPrefixChange(item, entry);
    return [toRouteRule(entry, `rule-${index}`, ownNamespace)];
  });
  checkNames(items, 'rule');
  return rules;
}

const withoutRedirect = [
  'backends',
  'rewrite',
  'mirror',
  'fault',
  'timeout',
  'retries',
  'requestHeaders',
];

/** A redirect is answered by the sidecar, so what speaks of forwarding would be ignored in silence. */
function checkRedirect(item: Cursor): void {
  if (child(item, 'redirect').value === undefined) return;
  for (const name of withoutRedirect) {
    const place = child(item, name);
    if (place.value === undefined) continue;
    refuse(
      place,
      `a route with redirect forwards nothing, so ${name} has no meaning in it`,
      `remove ${name} or redirect`,
    );
  }
}

function checkBackends(place: Cursor, backends: readonly BackendEntry[]): void {
  for (const [index, backend] of backends.entries()) {
    const at = child(place, index);
    if ((backend.service === undefined) === (backend.subset === undefined)) {
      refuse(at, 'expected exactly one of service, subset');
    } else if (backend.subset !== undefined) {
      for (const name of ['namespace', 'port'] as const) {
        if (backend[name] !== undefined) {
          refuse(child(at, name), `a subset is of the target itself, so it has no ${name}`);
        }
      }
    }
  }
  const sum = backends.reduce((total, { weight }) => total + (weight ?? 1), 0);
  if (backends.length > 0 && sum === 0) refuse(place, 'expected weights whose sum is above 0');
}

function checkPrefixChange(item: Cursor, entry: RouteEntry): void {
  if (entry.rewrite !== undefined && Object.keys(entry.rewrite).length === 0) {
    refuse(child(item, 'rewrite'), 'expected at least one of path, hostname');
  }
  for (const name of ['rewrite', 'redirect'] as const) {
    if (entry[name]?.path?.prefix === undefined) continue;
    const isPrefixAlways = (entry.matches ?? []).every(
      ({ path }) => path === undefined || (path.type ?? 'PathPrefix') === 'PathPrefix',
    );
    if (isPrefixAlways) continue;
    refuse(
      descend(item, name, 'path', 'prefix'),
      'only a prefix that was matched can be replaced, so all matches must be PathPrefix',
      'use replace, or make the matches PathPrefix',
    );
  }
}

function toRouteRule(entry: RouteEntry, defaultName: string, ownNamespace: string): RouteRule {
  const { mirror, rewrite, redirect, requestHeaders, responseHeaders } = entry;
  return {
    name: entry.name ?? defaultName,
    matches: (entry.matches ?? []).map(toRouteMatch),
    backends: (entry.backends ?? []).flatMap((backend) => toBackend(backend, ownNamespace)),
    ...(rewrite === undefined ? {} : { rewrite: toRewrite(rewrite) }),
    ...(redirect === undefined ? {} : { redirect: toRedirect(redirect) }),
    ...(requestHeaders === undefined ? {} : { requestHeaders: toHeaderChanges(requestHeaders) }),
    ...(responseHeaders === undefined ? {} : { responseHeaders: toHeaderChanges(responseHeaders) }),
    ...(mirror === undefined
      ? {}
      : { mirror: { ref: toServiceRef(mirror, ownNamespace), percent: mirror.percent ?? 100 } }),
    ...(entry.fault === undefined ? {} : { fault: toFault(entry.fault) }),
    ...(entry.timeout === undefined ? {} : { timeoutMs: durationMs(entry.timeout) }),
    ...(entry.retries === undefined ? {} : { retries: toRetrySetting(entry.retries) }),
  };
}

function toRouteMatch(match: MatchEntry): RouteMatch {
  const { path, method, from } = match;
  return {
    ...(path === undefined ? {} : { path: { type: path.type ?? 'PathPrefix', value: path.value } }),
    ...(method === undefined ? {} : { method }),
    headers: (match.headers ?? []).map((header) => ({
      ...toTextMatch(header),
      name: header.name.toLowerCase(),
    })),
    queryParams: (match.queryParams ?? []).map((query) => ({
      ...toTextMatch(query),
      name: query.name,
    })),
    ...(from === undefined ? {} : { from: toCallerRules(from) }),
  };
}

function toTextMatch(entry: {
  readonly type?: TextMatch['type'] | undefined;
  readonly value?: string | undefined;
}): TextMatch {
  return { type: entry.type ?? 'Exact', value: entry.value ?? '' };
}

function toBackend(backend: BackendEntry, ownNamespace: string): readonly Backend[] {
  const weight = backend.weight ?? 1;
  if (backend.subset !== undefined) return [{ kind: 'subset', labels: backend.subset, weight }];
  if (backend.service === undefined) return [];
  const ref = toServiceRef({ ...backend, service: backend.service }, ownNamespace);
  return [{ kind: 'service', ref, weight }];
}

function toRewrite(rewrite: NonNullable<RouteEntry['rewrite']>): NonNullable<RouteRule['rewrite']> {
  return {
    ...(rewrite.path === undefined ? {} : { path: toPathChange(rewrite.path) }),
    ...(rewrite.hostname === undefined ? {} : { hostname: rewrite.hostname }),
  };
}

function toRedirect(
  redirect: NonNullable<RouteEntry['redirect']>,
): NonNullable<RouteRule['redirect']> {
  const { scheme, hostname, path, port, statusCode } = redirect;
  return {
    ...(scheme === undefined ? {} : { scheme }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(path === undefined ? {} : { path: toPathChange(path) }),
    ...(port === undefined ? {} : { port }),
    statusCode: statusCode ?? 302,
  };
}

function toFault({ delay, abort }: FaultEntry): FaultSetting {
  return {
    ...(delay === undefined
      ? {}
      : { delay: { percent: delay.percent ?? 100, durationMs: durationMs(delay.duration) } }),
    ...(abort === undefined
      ? {}
      : {
          abort: {
            percent: abort.percent ?? 100,
            ...(abort.httpStatus === undefined ? {} : { httpStatus: abort.httpStatus }),
            ...(abort.grpcStatus === undefined ? {} : { grpcStatus: abort.grpcStatus }),
          },
        }),
  };
}

function toPathChange(change: PathEntry): PathChange {
  return change.prefix === undefined
    ? { kind: 'replace', value: change.replace ?? '/' }
    : { kind: 'prefix', value: change.prefix };
}

function toHeaderChanges(entry: HeaderEntry): HeaderChanges {
  return {
    set: lowerKeys(entry.set ?? {}),
    add: lowerKeys(entry.add ?? {}),
    remove: (entry.remove ?? []).map((name) => name.toLowerCase()),
  };
}

function lowerKeys(map: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key.toLowerCase(), value]));
}
