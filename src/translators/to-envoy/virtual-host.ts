/** Virtual hosts: the routes of calls to one address. */
import type { RouteActionIr, RouteIr, VirtualHostIr } from '../../ir/index.js';
import type { HeaderChanges } from '../../model/index.js';
import type {
  HeaderValueOption,
  RedirectAction,
  Route,
  RouteAction,
  VirtualHost,
} from '../../envoy/index.js';
import { destinationHeader } from './contract.js';
import { spellFaults } from './fault.js';
import { spellPathChange } from './path-change.js';
import { spellRetry } from './retry.js';
import { spellRouteMatch } from './route-match.js';
import { spellDuration, spellPercent } from './values.js';

type Forward = Extract<RouteActionIr, { kind: 'forward' }>;
type Redirect = Extract<RouteActionIr, { kind: 'redirect' }>;

/**
 * A VHDS resource: its name is the virtual host's (removal works only so, measured on 1.40), its
 * domains values of the destination header.
 */
export function spellVirtualHost(ir: VirtualHostIr): VirtualHost {
  const domains = ir.addresses.map((address) => `http|${address}`);
  return { name: ir.name, domains, routes: ir.routes.flatMap(spellRoutes) };
}

/** One route of a policy, twice where gRPC calls meet another fault than others. */
function spellRoutes(ir: RouteIr): readonly Route[] {
  return spellFaults(spellRoute(ir), ir.action.kind === 'forward' ? ir.action.fault : undefined);
}

/** One route, without its faults. */
export function spellRoute(ir: RouteIr): Route {
  const request = spellAdditions(ir.requestHeaders);
  const response = spellAdditions(ir.responseHeaders);
  return {
    name: ir.name,
    match: spellRouteMatch(ir.match),
    ...spellAction(ir),
    ...(request.length === 0 ? {} : { request_headers_to_add: request }),
    ...(ir.requestHeaders.remove.length === 0
      ? {}
      : { request_headers_to_remove: ir.requestHeaders.remove }),
    ...(response.length === 0 ? {} : { response_headers_to_add: response }),
    ...(ir.responseHeaders.remove.length === 0
      ? {}
      : { response_headers_to_remove: ir.responseHeaders.remove }),
  };
}

function spellAction({ action, match }: RouteIr): Route {
  switch (action.kind) {
    case 'forward':
      return { route: spellForward(action, match.path) };
    case 'redirect':
      return { redirect: spellRedirect(action, match.path) };
    case 'respond':
      return {
        direct_response: {
          status: action.status,
          ...(action.body === '' ? {} : { body: { inline_string: action.body } }),
        },
      };
  }
}

function spellForward(action: Forward, path: RouteIr['match']['path']): RouteAction {
  const retry = spellRetry(action.retry);
  return {
    ...spellClusters(action.clusters),
    timeout: action.timeoutMs === undefined ? '0s' : spellDuration(action.timeoutMs),
    ...(retry === undefined ? {} : { retry_policy: retry }),
    ...(action.rewritePath === undefined ? {} : spellPathChange(action.rewritePath, path)),
    ...(action.rewriteHost === undefined ? {} : { host_rewrite_literal: action.rewriteHost }),
    ...(action.mirror === undefined
      ? {}
      : { request_mirror_policies: [spellMirror(action.mirror)] }),
  };
}

function spellClusters(clusters: Forward['clusters']): RouteAction {
  const [first, ...others] = clusters;
  if (first === undefined) return { cluster_header: destinationHeader };
  if (others.length === 0) return { cluster: first.name };
  return {
    weighted_clusters: { clusters: clusters.map(({ name, weight }) => ({ name, weight })) },
  };
}

function spellMirror(mirror: NonNullable<Forward['mirror']>) {
  return {
    cluster: mirror.cluster,
    runtime_fraction: {
      default_value: spellPercent(mirror.percent),
    },
    // The copy is to look like the original, whose Host has no `-shadow` behind it.
    disable_shadow_host_suffix_append: true,
  };
}

const redirectCodes = {
  301: 'MOVED_PERMANENTLY',
  302: 'FOUND',
  303: 'SEE_OTHER',
  307: 'TEMPORARY_REDIRECT',
  308: 'PERMANENT_REDIRECT',
} as const;

function spellRedirect(action: Redirect, path: RouteIr['match']['path']): RedirectAction {
  return {
    response_code: redirectCodes[action.statusCode],
    ...(action.scheme === undefined ? {} : { scheme_redirect: action.scheme }),
    ...(action.hostname === undefined ? {} : { host_redirect: action.hostname }),
    ...(action.port === undefined ? {} : { port_redirect: action.port }),
    ...(action.path === undefined ? {} : spellPathChange(action.path, path)),
  };
}

/**
 * What is set and then added. Envoy removes before it adds, the IR removes last: what is removed
 * is not added at all.
 */
function spellAdditions(changes: HeaderChanges): HeaderValueOption[] {
  const removed = new Set(changes.remove.map((name) => name.toLowerCase()));
  const spell = (
    headers: Readonly<Record<string, string>>,
    action: 'OVERWRITE_IF_EXISTS_OR_ADD' | 'APPEND_IF_EXISTS_OR_ADD',
  ): HeaderValueOption[] =>
    Object.entries(headers)
      .filter(([key]) => !removed.has(key.toLowerCase()))
      .map(([key, value]) => ({
        // A value is text; a single % would start one of Envoy's format commands.
        header: { key, value: value.replaceAll('%', '%%') },
        append_action: action,
        keep_empty_value: true,
      }));
  return [
    ...spell(changes.set, 'OVERWRITE_IF_EXISTS_OR_ADD'),
    ...spell(changes.add, 'APPEND_IF_EXISTS_OR_ADD'),
  ];
}
