/** Virtual hosts: the routes of one address for the callers of one scope. */
import type { Read } from '../../graph/index.js';
import { formatAddress, type Scope, type VirtualHostIr } from '../../ir/index.js';
import { namespaceOf, serviceKey, type Service } from '../../model/index.js';
import { ownCluster, refuseCluster, type BackendContext } from '../policies/routes/backends.js';
import { routesFeature, type RouteContext } from '../policies/routes/feature.js';
import { familyOf } from './address.js';
import { policyOrigin } from './attach.js';
import { outboundRank, outboundSpeakers } from './attach-outbound.js';
import type { HostVariant } from './called-host.js';
import { resolveClusterName, type NamingSettings } from './destination.js';
import type { GroupEndpoint } from './endpoint-group.js';
import { groupEndpoints } from './endpoints.js';
import type { Finding } from './finding.js';
import { settingOrigins, toRouteSettings } from './outbound-settings.js';
import type { PolicyTables } from './tables.js';

/** What was decided for one address, and what was found wrong on the way. */
export interface VirtualHostDecision {
  readonly scope: Scope;
  readonly ir: VirtualHostIr;
  /** Clusters that its routes name, and the called address' own; without the fixed ones. */
  readonly clusters: readonly string[];
  readonly findings: readonly Finding[];
}

/** Decides the routes of a variant; undefined when its Service is gone. */
export function toVirtualHost(
  variant: HostVariant,
  read: Read,
  tables: PolicyTables,
  settings: NamingSettings,
): VirtualHostDecision | undefined {
  const service = read.get(tables.services, variant.service);
  if (service === undefined) return undefined;
  const { policy } = variant;
  const world = { read, tables, settings };
  const context: RouteContext = {
    ...backendContext(variant, service, world),
    settle: settler(variant, world),
  };
  const { routes, findings, clusters } =
    policy === undefined
      ? {
          routes: [routesFeature.toPlainRoute(`${service.key}/any`, context.settle())],
          findings: [],
          clusters: [],
        }
      : routesFeature.toRoutes(policy, variant.rules, context);
  const address = formatAddress(variant.ip, variant.port);
  const ir: VirtualHostIr = {
    name: `http/${address}`,
    addresses: [address],
    routes,
    origins: [
      ...(policy === undefined ? [] : [policyOrigin(policy)]),
      { object: `Service ${variant.service}` },
      ...routes.flatMap((route) => settingOrigins(route.settings)),
    ],
  };
  return { scope: variant.scope, ir, clusters: clustersOf(ir, variant, clusters), findings };
}

interface World {
  readonly read: Read;
  readonly tables: PolicyTables;
  readonly settings: NamingSettings;
}

/** Everybody who speaks of the call, and the rule that takes it. */
function settler(variant: HostVariant, { read, tables }: World): RouteContext['settle'] {
  const { service, portName, caller } = variant;
  const callee = { namespace: namespaceOf(service), services: [{ service, portName }] };
  const speakers = outboundSpeakers(callee, caller, read, tables);
  return (rule) => {
    if (rule === undefined) return toRouteSettings(speakers);
    const isOwn = rule.policy.namespace === callee.namespace;
    const rank = isOwn ? outboundRank.route : outboundRank.consumerRoute;
    return toRouteSettings([...speakers, { ...rule, rank }]);
  };
}

function backendContext(variant: HostVariant, service: Service, world: World): BackendContext {
  const { read, tables, settings } = world;
  const endpointsOf = (cluster: string): readonly GroupEndpoint[] | undefined => {
    const destination = resolveClusterName(cluster, read, tables, settings);
    if (destination?.kind === 'group') return groupEndpoints(destination, read, tables);
    return destination === undefined || destination.kind === 'nowhere' ? [] : undefined;
  };
  return {
    ip: variant.ip,
    port: variant.port,
    service,
    servicePort: variant.servicePort,
    lookUp: ({ namespace, name }) => read.get(tables.services, serviceKey(namespace, name)),
    vipOf: (other) => {
      const vips = other.clusterIPs.filter((ip) => read.get(tables.vips, ip) === other.key);
      return vips.find((ip) => familyOf(ip) === familyOf(variant.ip)) ?? vips[0];
    },
    hasEndpoints: (cluster) => endpointsOf(cluster)?.length !== 0,
    canTakeCalls: (cluster) =>
      endpointsOf(cluster)?.some(({ health }) => health === 'healthy') ?? true,
  };
}

function clustersOf(
  ir: VirtualHostIr,
  host: HostVariant,
  backends: readonly string[],
): readonly string[] {
  // Without rules the call goes where it would have gone, and its cluster is fetched as ever.
  if (host.policy === undefined) return [];
  const names = new Set([ownCluster(host), ...backends]);
  for (const { action } of ir.routes) {
    if (action.kind !== 'forward') continue;
    for (const { name } of action.clusters) names.add(name);
  }
  names.delete(refuseCluster);
  return [...names].sort();
}
