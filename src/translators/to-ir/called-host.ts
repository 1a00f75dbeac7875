/** Addresses whose calls have routes of their own: which policy decides for whom, and who has a variant of his own. */
import type { Read } from '../../graph/index.js';
import { formatAddress, meshScope, namespaceScope, podScope, type Scope } from '../../ir/index.js';
import { flatText } from '../../lib/index.js';
import type {
  CallerRule,
  PodKey,
  PortProtocol,
  RouteMatch,
  Service,
  ServiceKey,
} from '../../model/index.js';
import { meetsCaller, toCaller, type CallerContext } from '../policies/authorization/callers.js';
import type { CallerRouteRule, RoutePolicy } from '../policies/routes/feature.js';
import { byAge, serviceTargetKey, type PolicyHead } from './attach.js';
import type { Caller } from './attach-outbound.js';
import { callerContext } from './inbound.js';
import { hasRouteSettings } from './outbound-settings.js';
import type { PolicyTables } from './tables.js';
import type { Sidecar } from './workload.js';

/** One address with routes, for all callers of a scope. */
export interface CalledHost {
  readonly scope: Scope;
  readonly ip: string;
  readonly port: number;
  readonly service: ServiceKey;
  readonly servicePort: number;
  readonly portName: string;
  /** Absent: no policy routes it, but one sets what routes hold. */
  readonly policy?: RoutePolicy;
  /** The consumers' namespace it is for; absent: everybody but those in `others`. */
  readonly consumer?: string;
  /** Namespaces with a word of their own. */
  readonly others: readonly string[];
}

/** One address with the rules that hold for the callers of a scope. */
export interface HostVariant {
  readonly scope: Scope;
  readonly ip: string;
  readonly port: number;
  readonly service: ServiceKey;
  readonly servicePort: number;
  readonly portName: string;
  readonly policy?: RoutePolicy;
  readonly rules: readonly CallerRouteRule[];
  /** Whose settings hold; absent: nobody's in particular. */
  readonly caller?: Caller;
}

/** Whether HTTP may be found on a port. */
export function mayCarryHttp(protocol: PortProtocol): boolean {
  return protocol !== 'tcp' && protocol !== 'tls';
}

/** The key of a resource in a scope. */
export function scopedKey(scope: Scope, name: string): string {
  return flatText(scope, '|', name);
}

/** The addresses of a Service whose calls some policy routes, by scope and address. */
export function* toCalledHosts(
  service: Service,
  read: Read,
  tables: PolicyTables,
): Iterable<readonly [string, CalledHost]> {
  const policies = read.find(tables.routesByService, service.key);
  const setting = read
    .find(tables.outboundByTarget, serviceTargetKey(service.key))
    .filter(({ says }) => hasRouteSettings(says));
  if (policies.length === 0 && setting.length === 0) return;
  const consumers = [...new Set([...policies, ...setting].map(({ namespace }) => namespace))]
    .filter((namespace) => namespace !== service.namespace)
    .sort();
  for (const address of addressesOf(service, read, tables)) {
    const { ip, port, servicePort, portName, isOwn } = address;
    const decidingFor = (namespace: string): { readonly policy?: RoutePolicy } | undefined => {
      const policy = deciding(policies, namespace, service, portName);
      if (policy !== undefined) return { policy };
      return deciding(setting, namespace, service, portName) && {};
    };
    const own = decidingFor(service.namespace);
    const decided = consumers.flatMap((consumer) => {
      const found = decidingFor(consumer);
      // Who refines settings alone keeps the routes of the Service's own namespace.
      return found === undefined ? [] : [{ consumer, ...(isOwn ? own : {}), ...found }];
    });
    const others = decided.map(({ consumer }) => consumer);
    const text = formatAddress(ip, port);
    const common = { ip, port, service: service.key, servicePort, portName, others };
    if (own !== undefined) {
      // An address that others have is routed for one's own callers and never for theirs.
      const mine = isOwn ? {} : { consumer: service.namespace };
      const scope = isOwn ? meshScope : namespaceScope(service.namespace);
      yield [scopedKey(scope, text), { ...common, scope, ...own, ...mine }];
    }
    for (const entry of decided) {
      const scope = namespaceScope(entry.consumer);
      yield [scopedKey(scope, text), { ...common, scope, ...entry }];
    }
  }
}

/** The policy of `namespace` that decides for a port: one that names it before one that does not, then the older. */
function deciding<P extends PolicyHead>(
  policies: readonly P[],
  namespace: string,
  service: Service,
  portName: string,
): P | undefined {
  return policies
    .flatMap((policy) => {
      const rank = policy.namespace === namespace ? portRank(policy, service, portName) : undefined;
      return rank === undefined ? [] : [{ policy, rank }];
    })
    .sort((a, b) => b.rank - a.rank || byAge(a.policy, b.policy))[0]?.policy;
}

function portRank(policy: PolicyHead, service: Service, portName: string): number | undefined {
  let rank: number | undefined;
  for (const target of policy.targets) {
    if (target.kind !== 'Service') continue;
    if (target.namespace !== service.namespace || target.name !== service.name) continue;
    if (target.sectionName === undefined) rank ??= 0;
    else if (target.sectionName === portName) rank = 1;
  }
  return rank;
}

interface CalledAddress {
  readonly ip: string;
  readonly port: number;
  readonly portName: string;
  readonly servicePort: number;
  /** Nobody but the Service's namespace can have it. */
  readonly isOwn: boolean;
}

/** What callers of a Service really call, on ports that may carry HTTP. */
function* addressesOf(service: Service, read: Read, tables: PolicyTables): Iterable<CalledAddress> {
  if (service.isHeadless) {
    for (const address of read.find(tables.headlessByService, service.key)) {
      if (mayCarryHttp(address.protocol)) yield address;
    }
    return;
  }
  for (const ip of service.clusterIPs) {
    if (read.get(tables.vips, ip) !== service.key) continue;
    for (const { name, port, protocol, transport } of service.ports) {
      if (transport !== 'TCP' || !mayCarryHttp(protocol)) continue;
      yield { ip, port, portName: name, servicePort: port, isOwn: true };
    }
  }
}

/**
 * The rules for everybody in the host's scope, and one variant per sidecar that some `from` means or
 * whose own policies set what routes hold.
 */
export function* toHostVariants(
  host: CalledHost,
  read: Read,
  tables: PolicyTables,
  settings: { readonly trustDomain: string },
): Iterable<readonly [string, HostVariant]> {
  const { scope, consumer, policy, ip, port, service, servicePort, portName } = host;
  const common = {
    ...{ ip, port, service, servicePort, portName },
    ...(policy === undefined ? {} : { policy }),
  };
  const text = formatAddress(ip, port);
  const everybody = consumer === undefined ? {} : { caller: { namespace: consumer, policies: [] } };
  const rules = rulesFor(policy, () => false);
  yield [scopedKey(scope, text), { ...common, scope, rules, ...everybody }];
  const froms = (policy?.routes ?? []).flatMap(({ matches }) =>
    matches.flatMap(({ from }) => from ?? []),
  );
  const context = callerContext(read, tables, settings.trustDomain);
  const meant = froms.length === 0 ? [] : candidates(host, froms, read, tables, context);
  const sidecars = new Map(meant.map((sidecar) => [sidecar.pod, sidecar]));
  const setting = routeSetters(host, read, tables);
  for (const sidecar of setting.values()) sidecars.set(sidecar.pod, sidecar);
  for (const sidecar of sidecars.values()) {
    const isMeant = (from: readonly CallerRule[]): boolean =>
      from.some((rule) => meetsCaller(sidecar, toCaller(rule, context)));
    if (!setting.has(sidecar.pod) && !froms.some((rule) => isMeant([rule]))) continue;
    const own = podScope(sidecar.namespace, sidecar.name);
    const caller = read.get(tables.callers, sidecar.pod)?.caller ?? everybody.caller;
    yield [
      scopedKey(own, text),
      {
        ...common,
        scope: own,
        rules: rulesFor(policy, isMeant),
        ...(caller === undefined ? {} : { caller }),
      },
    ];
  }
}

/** Rules with the matches for which `isMeant` holds; a rule that had matches and keeps none falls out. */
function rulesFor(
  policy: RoutePolicy | undefined,
  isMeant: (from: readonly CallerRule[]) => boolean,
): readonly CallerRouteRule[] {
  return (policy?.routes ?? []).flatMap((rule, index): CallerRouteRule[] => {
    const matches = rule.matches.filter(
      ({ from }: RouteMatch) => from === undefined || isMeant(from),
    );
    return matches.length === 0 && rule.matches.length > 0 ? [] : [{ rule, index, matches }];
  });
}

/** Sidecars that `callers` may mean, read by namespace where that is enough. */
function candidates(
  host: CalledHost,
  callers: readonly CallerRule[],
  read: Read,
  tables: PolicyTables,
  context: CallerContext,
): readonly Sidecar[] {
  if (host.consumer !== undefined) return read.find(tables.sidecarsByNamespace, host.consumer);
  const namespaces = new Set<string>();
  for (const rule of callers) {
    const named = namespacesNamedBy(rule, context);
    if (named === undefined) {
      return [...read.all(tables.sidecars).values()].filter(
        ({ namespace }) => !host.others.includes(namespace),
      );
    }
    for (const namespace of named) namespaces.add(namespace);
  }
  return [...namespaces]
    .filter((namespace) => !host.others.includes(namespace))
    .sort()
    .flatMap((namespace) => read.find(tables.sidecarsByNamespace, namespace));
}

/** Sidecars that see the host and whose own policies set what routes hold, by pod. */
function routeSetters(
  { consumer, others }: Pick<CalledHost, 'consumer' | 'others'>,
  read: Read,
  tables: Pick<PolicyTables, 'routeSetters' | 'routeSettersByNamespace'>,
): ReadonlyMap<PodKey, Sidecar> {
  const found =
    consumer === undefined
      ? [...read.all(tables.routeSetters).values()].filter(
          ({ namespace }) => !others.includes(namespace),
        )
      : read.find(tables.routeSettersByNamespace, consumer);
  return new Map(found.map((sidecar) => [sidecar.pod, sidecar]));
}

/** Undefined: any. */
function namespacesNamedBy(
  rule: CallerRule,
  context: CallerContext,
): readonly string[] | undefined {
  for (const match of rule.all) {
    if (match.kind === 'namespace' || match.kind === 'serviceAccount') return [match.namespace];
    if (match.kind === 'namespaceSelector') return context.namespacesMatching(match.matchLabels);
  }
  return undefined;
}
