/** The whole way of one call, from the compiled mesh: name, listener, route, cluster, endpoint, TLS, verdict. */
import {
  formatAddress,
  formatClusterName,
  parseClusterName,
  type ClusterIr,
  type EndpointsIr,
  type Wire,
} from '../../ir/index.js';
import type { Pod, Service } from '../../model/index.js';
import { judgeEndpoint, originTexts, sayOutside, toStep, usableOf } from './call-endpoint.js';
import { certainFault } from './fault.js';
import { explainKeys } from './fetched-keys.js';
import { forwardedBy, type ForwardedParts } from './forwarded.js';
import { shareByGroup, type GroupShare } from './group-shares.js';
import { matchRoute } from './match-route.js';
import { normalizePath, parseQuery } from './request-path.js';
import { noFacts, toBackendFact, toRouteFacts, type CallFacts } from './facts.js';
import type { MeshView } from './mesh-view.js';
import { explainOutside } from './outside.js';

/** The call to explain. */
export interface Call {
  readonly from: Pod;
  /** Host as the app names it: `reviews.b`, `reviews.b.svc.cluster.local`, or an address. */
  readonly host: string;
  readonly port: number;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

/** One station of the way. */
export interface Step {
  readonly at: 'name' | 'listener' | 'route' | 'cluster' | 'endpoint' | 'tls' | 'keys' | 'verdict';
  readonly says: string;
  /** The objects behind it, `Kind namespace/name field`. */
  readonly from: readonly string[];
}

/** The outcome on one endpoint. */
export interface Outcome {
  readonly endpoint: string;
  readonly verdict: 'admitted' | 'refused' | 'refused at TLS' | 'no endpoint' | 'answered';
  /** The rule that decided, where there is one. */
  readonly by: string;
  /** The cluster that it is of, where calls get that far. */
  readonly cluster?: string;
  /** How it is reached, where it is. */
  readonly tls?: 'mutual' | 'plaintext' | 'origination';
}

/** A call explained. */
export interface Explanation {
  readonly steps: readonly Step[];
  /** One per endpoint that may be chosen; one in all where none is. */
  readonly outcomes: readonly Outcome[];
  /** The same as data, but for the endpoints. */
  readonly facts: CallFacts;
}

/** What a host name means, or why it means nothing. */
export function resolveHost(
  view: MeshView,
  from: Pod,
  host: string,
  clusterDomain: string,
): { readonly ip?: string; readonly service?: Service; readonly says: string } {
  if (/^[\d.]+$/.test(host) || host.includes(':')) {
    const service = view.serviceByIp(host);
    return { ip: host, ...(service && { service }), says: `${host} is an address` };
  }
  const suffix = [`.svc.${clusterDomain}`, '.svc'].find((end) => host.endsWith(end)) ?? '';
  const [name = '', namespace = from.namespace, ...rest] = host
    .slice(0, host.length - suffix.length)
    .split('.');
  const service = rest.length === 0 ? view.service(`${namespace}/${name}`) : undefined;
  if (service === undefined) return { says: `${host} names no Service that is known` };
  const ip = service.clusterIPs[0];
  return ip === undefined
    ? { service, says: `Service ${service.key} has no virtual IP` }
    : { ip, service, says: `${host} is Service ${service.key} at ${ip}` };
}

/** What the outbound listener of a pod takes a connection for, to an address that may be a Service's. */
export function wireOf(
  view: MeshView,
  { from, port }: Pick<Call, 'from' | 'port'>,
  ip: string,
  service: Service | undefined,
): Wire {
  const declared = service?.ports.find((each) => each.port === port)?.protocol;
  const listener = view.outboundListener(from);
  if (!listener.opaquePorts.includes(port)) return 'http';
  const asHttp = listener.httpOnOpaquePorts.find((one) => one.port === port);
  return declared !== 'tcp' && asHttp?.ips.includes(ip) === true ? 'http' : 'tcp';
}

interface Way {
  readonly steps: Step[];
  readonly clusters: readonly { readonly name: string; readonly weight: number }[];
  readonly answered?: Outcome;
  /** What the callee sees of the request; absent: what the app has said. */
  readonly sent?: ForwardedParts;
  readonly facts: Omit<CallFacts, 'service' | 'wire' | 'backends'>;
}

/** The stations up to the choice of clusters. */
function chooseClusters(view: MeshView, call: Call, ip: string, wire: Wire): Way {
  const address = formatAddress(ip, call.port);
  const own = {
    name: formatClusterName({ kind: 'address', wire, ip, port: call.port }),
    weight: 1,
  };
  const host = wire === 'http' ? view.virtualHost(call.from, ip, call.port) : undefined;
  const says = `no policy speaks of routes to ${address}`;
  if (host === undefined) {
    const route = wire === 'http' ? view.outboundRoutes(call.from).route : undefined;
    const settings = (route?.settings ?? []).map(toStep('route'));
    const steps: Step[] = [{ at: 'route', says, from: [] }, ...settings];
    return { steps, clusters: [own], facts: route === undefined ? {} : toRouteFacts(view, route) };
  }
  const matched = matchRoute(host, {
    method: call.method,
    path: call.path,
    headers: call.headers,
    query: parseQuery(call.path),
  });
  if (matched === undefined) {
    return {
      steps: [{ at: 'route', says: 'no route matches', from: originTexts(host.origins) }],
      clusters: [],
      answered: { endpoint: '', verdict: 'answered', by: 'status 404' },
      facts: { status: 404 },
    };
  }
  const passed: readonly Step[] = matched.passed.map((one) => ({
    at: 'route',
    says: `route ${one.route.name} is passed by: ${one.reason}`,
    from: originTexts(one.route.origins),
  }));
  const { route } = matched;
  const from = originTexts(route.origins);
  // One that holds settings alone: the call goes where it would go without it.
  const isPlain = route.origins.length === 0;
  const taken: Step = { at: 'route', says: isPlain ? says : `route ${route.name} takes it`, from };
  const steps: Step[] = [...passed, taken];
  switch (route.action.kind) {
    case 'forward': {
      const { clusters } = route.action;
      steps.push(...route.settings.map(toStep('route')));
      const answer = certainFault(route.action.fault, call.headers);
      if (answer !== undefined) {
        const by = `${answer.says} from the fault of route ${route.name}`;
        const answered: Outcome = { endpoint: '', verdict: 'answered', by };
        const facts = { route: route.name, status: answer.status };
        return { steps, clusters: [], answered, facts };
      }
      const facts = { ...(isPlain ? {} : { route: route.name }), ...toRouteFacts(view, route) };
      const sent = forwardedBy(route, call);
      return { steps, clusters: clusters.length === 0 ? [own] : clusters, sent, facts };
    }
    case 'redirect':
    case 'respond': {
      const status =
        route.action.kind === 'respond' ? route.action.status : route.action.statusCode;
      const by = `status ${String(status)} from route ${route.name}`;
      const answered: Outcome = { endpoint: '', verdict: 'answered', by };
      return { steps, clusters: [], answered, facts: { route: route.name, status } };
    }
  }
}

/** What a group gets, and why; nothing of the one group of all. */
function describeGroup({ says, percent, usable, total }: GroupShare): readonly Step[] {
  if (says === '') return [];
  const ready = `${String(usable.length)} of ${String(total)} endpoints ready`;
  const share = percent === 0 ? 'no call' : `${String(percent)} % of the calls`;
  const text = total === 0 ? `${says}: no endpoint` : `${says}: ${ready}, ${share}`;
  return [{ at: 'endpoint', says: text, from: [] }];
}

function describeCluster(
  cluster: ClusterIr,
  endpoints: EndpointsIr | undefined,
  share: string,
): Step {
  const from = originTexts(cluster.origins);
  const outside = sayOutside(cluster.tls.outside);
  const tls = outside === undefined ? '' : `, ${outside}`;
  switch (cluster.kind.kind) {
    case 'endpoints': {
      const all = usableOf(endpoints);
      const count = `${String(all.length)} endpoint${all.length === 1 ? '' : 's'}`;
      return { at: 'cluster', says: `${share}cluster ${cluster.name} has ${count}`, from };
    }
    case 'passthrough':
      return { at: 'cluster', says: `${share}sent on as it is: an unknown address${tls}`, from };
    case 'refuse':
      return {
        at: 'cluster',
        says: `${share}refused at once: nobody is known there, egress allows known addresses only, or TLS is to be the mesh’s`,
        from,
      };
    case 'dns':
      return { at: 'cluster', says: `${share}to ${cluster.kind.hostname} by DNS${tls}`, from };
  }
}

/** Explains `call`; pure, and the same on- and offline. */
export function explain(view: MeshView, call: Call, clusterDomain: string): Explanation {
  const target = resolveHost(view, call.from, call.host, clusterDomain);
  const outside = explainOutside(view, call, target.ip, clusterDomain);
  if (outside !== undefined && target.service === undefined) return outside;
  const steps: Step[] = [
    {
      at: 'name',
      says: target.says,
      from: target.service === undefined ? [] : [`Service ${target.service.key}`],
    },
  ];
  const { ip } = target;
  const called = target.service === undefined ? {} : { service: target.service.key };
  if (ip === undefined) {
    const outcome: Outcome = { endpoint: '', verdict: 'no endpoint', by: target.says };
    return { steps, outcomes: [outcome], facts: { ...noFacts, ...called } };
  }
  const wire = wireOf(view, call, ip, target.service);
  steps.push({
    at: 'listener',
    says: `taken by the outbound listener as ${wire === 'http' ? 'HTTP' : 'TCP'}`,
    from: [],
  });
  if (wire === 'http' && normalizePath(call.path) === undefined) {
    const by = 'status 400: the path is malformed';
    const outcome: Outcome = { endpoint: '', verdict: 'answered', by };
    return { steps, outcomes: [outcome], facts: { ...noFacts, ...called, wire, status: 400 } };
  }
  const way = chooseClusters(view, call, ip, wire);
  steps.push(...way.steps);
  if (way.answered !== undefined) {
    return {
      steps,
      outcomes: [way.answered],
      facts: { ...way.facts, ...called, wire, backends: [] },
    };
  }
  const sent: Call = { ...call, ...way.sent };
  const total = way.clusters.reduce((sum, one) => sum + one.weight, 0);
  const backends = way.clusters.map(({ name, weight }) =>
    toBackendFact(view, name, (100 * weight) / total),
  );
  const outcomes: Outcome[] = [];
  for (const { name, weight } of way.clusters) {
    const found = view.cluster(call.from, name);
    const share =
      way.clusters.length > 1 ? `${String(Math.round((100 * weight) / total))} %: ` : '';
    if (found === undefined) {
      steps.push({ at: 'cluster', says: `${share}cluster ${name} does not exist`, from: [] });
      outcomes.push({ endpoint: '', verdict: 'no endpoint', by: name, cluster: name });
      continue;
    }
    steps.push(describeCluster(found.cluster, found.endpoints, share));
    steps.push(...found.cluster.settings.map(toStep('cluster')));
    const groups = found.endpoints === undefined ? [] : shareByGroup(found.endpoints);
    for (const group of groups) {
      steps.push(...describeGroup(group));
      if (group.percent === 0) continue;
      for (const endpoint of group.usable) {
        const judged = judgeEndpoint(view, sent, wire, found.cluster, endpoint);
        const { tokens } = judged;
        const keys = tokens === undefined ? [] : explainKeys(view, tokens.server, tokens.jwt);
        steps.push(...judged.steps, ...keys);
        outcomes.push(judged.outcome);
      }
    }
    if (usableOf(found.endpoints).length === 0) {
      const verdict = clusterVerdict(found.cluster);
      outcomes.push({ endpoint: '', verdict, by: name, cluster: name });
    }
  }
  return { steps, outcomes, facts: { ...way.facts, ...called, wire, backends } };
}

function clusterVerdict(cluster: ClusterIr): Outcome['verdict'] {
  switch (cluster.kind.kind) {
    case 'passthrough':
    case 'dns':
      return 'admitted';
    case 'refuse':
      // By an address it is egress that refuses; else a route leads to what is not there: 503.
      return parseClusterName(cluster.name)?.kind === 'address' ? 'refused' : 'no endpoint';
    case 'endpoints':
      return 'no endpoint';
  }
}
