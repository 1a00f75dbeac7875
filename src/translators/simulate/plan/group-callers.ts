/** Which callers get the same of a target: of each group one is judged for all. */
import { formatClusterName, type InboundPortIr, type VirtualHostIr } from '../../../ir/index.js';
import type { Pod } from '../../../model/index.js';
import { resolveHost, wireOf } from '../explain.js';
import { signatureOf, termsOf, type CallerClass } from './callers.js';
import { addressOf, endpointsOf, hostOf, type PlanSide, type Target } from './targets.js';

/** Callers that get the same on either side, whatever they request, and the ports that they get to. */
export interface Grouped {
  readonly groups: readonly (readonly CallerClass[])[];
  readonly ports: readonly InboundPortIr[];
}

/** Groups the callers of a target. */
export type Grouping = (target: Target) => Grouped;

/** Of these classes. Hot: what is the same for every target is computed once. */
export function createGrouping(
  before: PlanSide,
  after: PlanSide,
  classes: readonly CallerClass[],
): Grouping {
  const contentOf = createContentIds();
  const idOf = createIds();
  const everywhere = classes.map((each) => lookOf(each, before, after, idOf));
  const scopes = classes.map((each) =>
    JSON.stringify([before.view.clusterScope(each.before), after.view.clusterScope(each.after)]),
  );
  return (target) => {
    const lookOfClusters = createClusterLooks(before, after, target, contentOf);
    const seen = new Map<string, CallerClass>();
    const looks = classes.map((each, index) => {
      const hosts: Hosts = {
        before: hostOf(before, each.before, target),
        after: hostOf(after, each.after, target),
      };
      const routes = `${String(idOf(hosts.before))} ${String(idOf(hosts.after))}`;
      const clusters = lookOfClusters(each, hosts, `${scopes[index] ?? ''} ${routes}`);
      const look = `${everywhere[index] ?? ''} ${routes} ${clusters}`;
      if (!seen.has(look)) seen.set(look, each);
      return look;
    });
    const ports = new Set<InboundPortIr>();
    for (const each of seen.values()) {
      for (const found of portsBehind(before, each.before, target)) ports.add(found);
      for (const found of portsBehind(after, each.after, target)) ports.add(found);
    }
    const terms = termsOf([...ports]);
    const groups = new Map<string, CallerClass[]>();
    for (const [index, each] of classes.entries()) {
      const marks = [
        signatureOf(each.before, terms, before.view.trustDomain),
        signatureOf(each.after, terms, after.view.trustDomain),
      ];
      const key = `${looks[index] ?? ''} ${marks.join(' ')}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [each]);
      else group.push(each);
    }
    return { groups: [...groups.values()], ports: [...ports] };
  };
}

/** What a class of callers meets wherever it calls: the same text, the same ways. */
function lookOf(each: CallerClass, before: PlanSide, after: PlanSide, idOf: IdOf): string {
  return [
    idOf(before.view.outboundListener(each.before)),
    idOf(before.view.outboundRoutes(each.before).route),
    idOf(after.view.outboundListener(each.after)),
    idOf(after.view.outboundRoutes(each.after).route),
  ].join(' ');
}

interface Hosts {
  readonly before: VirtualHostIr | undefined;
  readonly after: VirtualHostIr | undefined;
}

/**
 * Tells as text what the clusters are that calls to a target may take: who calls may have a policy on
 * calls to it, a zone, or an order of endpoints of their own. `key` is the same for classes with the
 * same forms of clusters and the same routes.
 */
function createClusterLooks(
  before: PlanSide,
  after: PlanSide,
  target: Target,
  contentOf: IdOf,
): (each: CallerClass, hosts: Hosts, key: string) => string {
  const known = new Map<string, string>();
  const clustersOf = (side: PlanSide, pod: Pod, host: VirtualHostIr | undefined): string =>
    clusterNames(side, pod, target, host)
      .map((name) => {
        const { cluster, endpoints } = side.view.cluster(pod, name) ?? {};
        return `${String(contentOf(cluster))} ${String(contentOf(endpoints))}`;
      })
      .join(' ');
  return (each, hosts, key) => {
    const former = known.get(key);
    if (former !== undefined) return former;
    const text = `${clustersOf(before, each.before, hosts.before)} ${clustersOf(after, each.after, hosts.after)}`;
    known.set(key, text);
    return text;
  };
}

type IdOf = (value: object | undefined) => number;

/** Numbers objects: the same one has the same number. */
function createIds(): IdOf {
  const numberOf = createNumbers();
  return (value) => (value === undefined ? -1 : numberOf(value));
}

/** Numbers objects by what is in them. */
function createContentIds(): IdOf {
  const numberOf = createNumbers();
  const known = new WeakMap<object, number>();
  return (value) => {
    if (value === undefined) return -1;
    const former = known.get(value);
    if (former !== undefined) return former;
    const number = numberOf(JSON.stringify(value));
    known.set(value, number);
    return number;
  };
}

/** Numbers keys in the order in which they are first asked for. */
function createNumbers(): (key: unknown) => number {
  const numbers = new Map<unknown, number>();
  return (key) => {
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    return number;
  };
}

/** The clusters that a call may take, by its routes or without one. */
function clusterNames(
  side: PlanSide,
  from: Pod,
  target: Target,
  host: VirtualHostIr | undefined,
): readonly string[] {
  const ip = addressOf(side, target);
  if (ip === undefined) return [];
  const { port } = target;
  const { service } = resolveHost(side.view, from, target.host, side.clusterDomain);
  const wire = wireOf(side.view, { from, port }, ip, service);
  const own = formatClusterName({ kind: 'address', wire, ip, port });
  const routed = (host?.routes ?? []).flatMap(({ action }) =>
    action.kind === 'forward' ? action.clusters.map(({ name }) => name) : [],
  );
  return [...new Set([own, ...routed])];
}

/** The ports of pods that a call may get to. */
function portsBehind(side: PlanSide, pod: Pod, target: Target): readonly InboundPortIr[] {
  return clusterNames(side, pod, target, hostOf(side, pod, target)).flatMap((name) => {
    return endpointsOf(side, pod, name).flatMap((endpoint) => {
      const owner = side.view.podByIp(endpoint.ip);
      const ports = (owner === undefined ? undefined : side.view.inbound(owner))?.ports ?? [];
      const named = ports.find((each) => each.port === endpoint.port);
      return named ?? ports.find((each) => each.port === undefined) ?? [];
    });
  });
}
