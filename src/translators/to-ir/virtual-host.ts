/** Virtual hosts: the routes of one address for the callers of one scope. */
import type { Read } from '../../graph/index.js';
import { formatAddress, type Scope, type VirtualHostIr } from '../../ir/index.js';
import { serviceKey, type Service } from '../../model/index.js';
import { ownCluster, refuseCluster, type BackendContext } from '../policies/routes/backends.js';
import { routesFeature } from '../policies/routes/feature.js';
import { familyOf } from './address.js';
import { policyOrigin } from './attach.js';
import type { HostVariant } from './called-host.js';
import { resolveClusterName, type NamingSettings } from './destination.js';
import { groupEndpoints } from './endpoints.js';
import type { Finding } from './finding.js';
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
  const context = backendContext(variant, service, { read, tables, settings });
  const { routes, findings } = routesFeature.toRoutes(variant.policy, variant.rules, context);
  const address = formatAddress(variant.ip, variant.port);
  const ir: VirtualHostIr = {
    name: `http/${address}`,
    address,
    routes,
    origins: [policyOrigin(variant.policy), { object: `Service ${variant.service}` }],
  };
  return { scope: variant.scope, ir, clusters: clustersOf(ir, variant), findings };
}

function backendContext(
  variant: HostVariant,
  service: Service,
  world: {
    readonly read: Read;
    readonly tables: PolicyTables;
    readonly settings: NamingSettings;
  },
): BackendContext {
  const { read, tables, settings } = world;
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
    hasEndpoints: (cluster) => {
      const destination = resolveClusterName(cluster, read, tables, settings);
      return destination?.kind === 'group' && groupEndpoints(destination, read, tables).length > 0;
    },
  };
}

function clustersOf(ir: VirtualHostIr, host: HostVariant): readonly string[] {
  const names = new Set([ownCluster(host)]);
  for (const { action } of ir.routes) {
    if (action.kind !== 'forward') continue;
    for (const { name } of action.clusters) names.add(name);
    if (action.mirror !== undefined) names.add(action.mirror.cluster);
  }
  names.delete(refuseCluster);
  return [...names].sort();
}
