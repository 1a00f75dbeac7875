/** `routes`: rules of a policy as the routes of one virtual host. */
import type { Origin, RouteActionIr, RouteIr, RouteMatchIr } from '../../../ir/index.js';
import type {
  HeaderChanges,
  OutboundSetting,
  RouteMatch,
  RouteRule,
} from '../../../model/index.js';
import { policyOrigin, type PolicyHead } from '../../to-ir/attach.js';
import type { Finding } from '../../to-ir/finding.js';
import { faultFeature } from '../fault/feature.js';
import type { RouteSettings } from '../../to-ir/outbound-settings.js';
import {
  ownCluster,
  refuseCluster,
  resolveBackend,
  resolveRef,
  type BackendContext,
  type Resolved,
} from './backends.js';

const section = 'spec.routes';

/** The part of a policy that speaks of routes. */
export interface RoutePolicy extends PolicyHead {
  readonly routes: readonly RouteRule[];
}

/** A rule as one group of callers has it: the entries of `matches` that are theirs. */
export interface CallerRouteRule {
  readonly rule: RouteRule;
  /** Its place in the policy. */
  readonly index: number;
  /** Empty: everything. */
  readonly matches: readonly RouteMatch[];
}

/** What a rule says of the settings that routes hold. */
export interface RuleSettings {
  readonly policy: RoutePolicy;
  readonly says: OutboundSetting;
  /** The field of the rule that stands for one of `spec.outbound`. */
  readonly fieldOf: (field: string) => string;
}

/** The called address, and what holds for its routes. */
export interface RouteContext extends BackendContext {
  /** What the policies that reach the call decide, with the word of a rule where there is one. */
  readonly settle: (rule?: RuleSettings) => RouteSettings;
}

const noChanges: HeaderChanges = { set: {}, add: {}, remove: [] };

/** The routes of one address; the last one takes everything. */
function toRoutes(
  policy: RoutePolicy,
  rules: readonly CallerRouteRule[],
  context: RouteContext,
): { readonly routes: readonly RouteIr[]; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const routes = rules.flatMap((entry) => routesOf(policy, entry, context, findings));
  // An empty list says: as if there were no routes.
  const unchanged = {
    ...toPlainRoute(`${policy.key}/no-routes`, context.settle()),
    origins: [policyOrigin(policy, section)],
  };
  const last = policy.routes.length === 0 ? unchanged : noMatch(policy);
  return { routes: [...routes, last], findings };
}

/** The one route of addresses without rules: to the address called, as settings say. */
function toPlainRoute(name: string, { forward, settings }: RouteSettings): RouteIr {
  return {
    name,
    match: { headers: [], queryParams: [] },
    action: {
      kind: 'forward',
      clusters: [],
      ...forward,
    },
    requestHeaders: noChanges,
    responseHeaders: noChanges,
    settings,
    origins: [],
  };
}

function noMatch(policy: RoutePolicy): RouteIr {
  return {
    name: `${policy.key}/no-match`,
    match: { headers: [], queryParams: [] },
    action: {
      kind: 'respond',
      status: 404,
      body: `no route of TrafficPolicy ${policy.key} matches`,
    },
    requestHeaders: noChanges,
    responseHeaders: noChanges,
    settings: [],
    origins: [policyOrigin(policy, section)],
  };
}

function routesOf(
  policy: RoutePolicy,
  { rule, index, matches }: CallerRouteRule,
  context: RouteContext,
  findings: Finding[],
): readonly RouteIr[] {
  const field = `${section}[${String(index)}]`;
  const origins: readonly Origin[] = [policyOrigin(policy, field)];
  const report = (where: string, { problem }: Resolved): void => {
    if (problem === undefined) return;
    findings.push({
      object: `TrafficPolicy ${policy.key}`,
      field: `${field}.${where}`,
      ...problem,
    });
  };
  const decided = context.settle(ruleSettings(policy, rule, field));
  const action = toAction(rule, decided.forward, context, report);
  const faults =
    rule.fault === undefined
      ? []
      : faultFeature.describe(rule.fault, (name) => policyOrigin(policy, `${field}.${name}`));
  const settings = action.kind === 'forward' ? [...faults, ...decided.settings] : [];
  const all: readonly RouteMatchIr[] =
    matches.length === 0 ? [{ headers: [], queryParams: [] }] : matches.map(toMatch);
  return all.map((match) => ({
    name: `${policy.key}/${rule.name}`,
    match,
    action,
    requestHeaders: rule.requestHeaders ?? noChanges,
    responseHeaders: rule.responseHeaders ?? noChanges,
    settings,
    origins,
  }));
}

function ruleSettings(policy: RoutePolicy, rule: RouteRule, field: string): RuleSettings {
  const { timeoutMs, retries } = rule;
  return {
    policy,
    says: {
      ...(timeoutMs === undefined ? {} : { timeouts: { requestMs: timeoutMs } }),
      ...(retries === undefined ? {} : { retries }),
    },
    fieldOf: (outbound) =>
      outbound === 'spec.outbound.timeouts.request'
        ? `${field}.timeout`
        : outbound.replace('spec.outbound', field),
  };
}

function toMatch({ path, method, headers, queryParams }: RouteMatch): RouteMatchIr {
  return {
    ...(path === undefined ? {} : { path }),
    ...(method === undefined ? {} : { method }),
    headers,
    queryParams,
  };
}

type Report = (where: string, resolved: Resolved) => void;

function toAction(
  rule: RouteRule,
  forward: RouteSettings['forward'],
  context: BackendContext,
  report: Report,
): RouteActionIr {
  if (rule.redirect !== undefined) return { kind: 'redirect', ...rule.redirect };
  const mirror = toMirror(rule, context, report);
  return {
    kind: 'forward',
    clusters: toClusters(rule, context, report),
    ...(rule.rewrite?.path === undefined ? {} : { rewritePath: rule.rewrite.path }),
    ...(rule.rewrite?.hostname === undefined ? {} : { rewriteHost: rule.rewrite.hostname }),
    ...(mirror === undefined ? {} : { mirror }),
    ...(rule.fault === undefined ? {} : { fault: rule.fault }),
    ...forward,
  };
}

function toMirror(
  rule: RouteRule,
  context: BackendContext,
  report: Report,
): { readonly cluster: string; readonly percent: number } | undefined {
  if (rule.mirror === undefined) return undefined;
  const resolved = resolveRef(rule.mirror.ref, context);
  report('mirror', resolved);
  if (resolved.cluster === undefined) return undefined;
  return { cluster: resolved.cluster, percent: rule.mirror.percent };
}

/** Clusters by weight, each once, in the order of the backends; never empty. */
function toClusters(
  rule: RouteRule,
  context: BackendContext,
  report: Report,
): readonly { readonly name: string; readonly weight: number }[] {
  if (rule.backends.length === 0) return [{ name: ownCluster(context), weight: 1 }];
  const weights = new Map<string, number>();
  for (const [index, backend] of rule.backends.entries()) {
    const resolved = resolveBackend(backend, context);
    report(`backends[${String(index)}]`, resolved);
    if (backend.weight === 0) continue;
    // The share of a missing backend fails; it is not given to the others, who may not stand it.
    const name = resolved.cluster ?? refuseCluster;
    weights.set(name, (weights.get(name) ?? 0) + backend.weight);
  }
  if (weights.size === 0) return [{ name: refuseCluster, weight: 1 }];
  return [...weights].map(([name, weight]) => ({ name, weight }));
}

/** The feature. */
export const routesFeature: {
  readonly section: typeof section;
  readonly toRoutes: typeof toRoutes;
  readonly toPlainRoute: typeof toPlainRoute;
} = Object.freeze({ section, toRoutes, toPlainRoute });
