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

/** What became of a policy's rules. */
export interface DecidedRoutes {
  readonly routes: readonly RouteIr[];
  readonly findings: readonly Finding[];
  /** Of every backend and mirror that exists, whether it has a share now or may have one later. */
  readonly clusters: readonly string[];
}

interface Found {
  readonly findings: Finding[];
  readonly clusters: Set<string>;
}

/** The routes of one address; the last one takes everything. */
function toRoutes(
  policy: RoutePolicy,
  rules: readonly CallerRouteRule[],
  context: RouteContext,
): DecidedRoutes {
  const found: Found = { findings: [], clusters: new Set() };
  const routes = rules.flatMap((entry) => routesOf(policy, entry, context, found));
  // An empty list says: as if there were no routes.
  const unchanged = {
    ...toPlainRoute(`${policy.key}/no-routes`, context.settle()),
    origins: [policyOrigin(policy, section)],
  };
  const last = policy.routes.length === 0 ? unchanged : noMatch(policy);
  return { routes: [...routes, last], findings: found.findings, clusters: [...found.clusters] };
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
  found: Found,
): readonly RouteIr[] {
  const field = `${section}[${String(index)}]`;
  const origins: readonly Origin[] = [policyOrigin(policy, field)];
  const report = (where: string, { cluster, problem }: Resolved): void => {
    if (cluster !== undefined) found.clusters.add(cluster);
    if (problem === undefined) return;
    found.findings.push({
      object: `TrafficPolicy ${policy.key}`,
      field: `${field}.${where}`,
      ...problem,
    });
  };
  const decided = context.settle(ruleSettings(policy, rule, field));
  const split = toSplit(rule, context, report);
  const action = toAction(rule, { ...decided.forward, clusters: split.clusters }, context, report);
  const notes = split.setAside.map((index) => ({
    says: `backends[${String(index)}] can take no call: its share goes to the others`,
    origin: policyOrigin(policy, `${field}.backends[${String(index)}]`),
  }));
  const faults =
    rule.fault === undefined
      ? []
      : faultFeature.describe(rule.fault, (name) => policyOrigin(policy, `${field}.${name}`));
  const settings = action.kind === 'forward' ? [...notes, ...faults, ...decided.settings] : [];
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
  forward: RouteSettings['forward'] & Pick<Split, 'clusters'>,
  context: BackendContext,
  report: Report,
): RouteActionIr {
  if (rule.redirect !== undefined) return { kind: 'redirect', ...rule.redirect };
  const mirror = toMirror(rule, context, report);
  return {
    kind: 'forward',
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

/** How calls are shared out among a rule's backends. */
interface Split {
  /** By weight, each once, in the order of the backends; never empty. */
  readonly clusters: readonly { readonly name: string; readonly weight: number }[];
  /** The places of those whose share goes to the others. */
  readonly setAside: readonly number[];
}

interface Share {
  readonly index: number;
  /** Absent: the backend does not exist. */
  readonly cluster: string | undefined;
  readonly weight: number;
}

function toSplit(rule: RouteRule, context: BackendContext, report: Report): Split {
  if (rule.redirect !== undefined || rule.backends.length === 0) {
    return { clusters: [{ name: ownCluster(context), weight: 1 }], setAside: [] };
  }
  const all = rule.backends.map((backend, index): Share => {
    const resolved = resolveBackend(backend, context);
    report(`backends[${String(index)}]`, resolved);
    return { index, cluster: resolved.cluster, weight: backend.weight };
  });
  const shares = shareOut(all, context);
  const weights = new Map<string, number>();
  for (const { cluster, weight } of shares) {
    const name = cluster ?? refuseCluster;
    weights.set(name, (weights.get(name) ?? 0) + weight);
  }
  const sharing = new Set(shares.map(({ index }) => index));
  return {
    clusters: [...weights].map(([name, weight]) => ({ name, weight })),
    setAside: all.flatMap(({ index, weight }) =>
      weight === 0 || sharing.has(index) ? [] : [index],
    ),
  };
}

/**
 * The share of a backend that can take no call goes to the others of its rule, and to those of
 * weight 0 when nobody else is left: a Service may come later than the policy, or go first. With
 * nobody left at all the shares are as written, and fail.
 */
function shareOut(all: readonly Share[], { canTakeCalls }: BackendContext): readonly Share[] {
  const able = all.filter(({ cluster }) => cluster !== undefined && canTakeCalls(cluster));
  const sharing = able.filter(({ weight }) => weight > 0);
  if (sharing.length > 0) return sharing;
  if (able.length > 0) return able.map((share) => ({ ...share, weight: 1 }));
  return all.filter(({ weight }) => weight > 0);
}

/** The feature. */
export const routesFeature: {
  readonly section: typeof section;
  readonly toRoutes: typeof toRoutes;
  readonly toPlainRoute: typeof toPlainRoute;
} = Object.freeze({ section, toRoutes, toPlainRoute });
