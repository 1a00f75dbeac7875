/** Routes of calls that no host of an address takes: all other calls to a namespace, and all others. */
import type { Read } from '../../graph/index.js';
import {
  meshScope,
  podScope,
  type OutboundRoutesIr,
  type RouteIr,
  type Scope,
} from '../../ir/index.js';
import type { Scoped } from '../scoped-resource.js';
import { routesFeature } from '../policies/routes/feature.js';
import { outboundSpeakers, type Callee, type Caller } from './attach-outbound.js';
import { scopedKey } from './called-host.js';
import { settingOrigins, toRouteSettings } from './outbound-settings.js';
import type { PolicyTables } from './tables.js';
import type { VirtualHostDecision } from './virtual-host.js';
import type { Sidecar } from './workload.js';

/** The name of the host of a namespace. */
export function namespaceHostName(namespace: string): string {
  // Envoy takes what stands before the last slash for the name of the routes (measured on 1.40).
  return `http/namespace:${namespace}`;
}

/** The host of a namespace, for everybody and for each sidecar with settings of its own. */
export function* toNamespaceHosts(
  namespace: string,
  read: Read,
  tables: PolicyTables,
): Iterable<readonly [string, VirtualHostDecision]> {
  const addresses = addressesIn(namespace, read, tables);
  if (addresses.length === 0) return;
  const name = namespaceHostName(namespace);
  const toHost = (scope: Scope, caller?: Caller): readonly [string, VirtualHostDecision] => {
    const route = toRoute({ namespace, services: [] }, caller, read, tables);
    const origins = settingOrigins(route.settings);
    const ir = { name, addresses, routes: [route], origins };
    return [scopedKey(scope, name), { scope, ir, clusters: [], findings: [] }];
  };
  yield toHost(meshScope);
  for (const setter of read.all(tables.routeSetters).values()) {
    yield toHost(
      podScope(setter.namespace, setter.name),
      read.get(tables.callers, setter.pod)?.caller,
    );
  }
}

/** Every address that only the namespace can have, with all its ports; sorted. */
function addressesIn(namespace: string, read: Read, tables: PolicyTables): readonly string[] {
  const vips = read
    .find(tables.servicesByNamespace, namespace)
    .flatMap(({ key, clusterIPs }) => clusterIPs.filter((ip) => read.get(tables.vips, ip) === key));
  const pods = read
    .find(tables.workloadsByNamespace, namespace)
    .flatMap(({ pod, ips }) => ips.filter((ip) => read.get(tables.owners, ip)?.pod === pod))
    // An address may be a Service's and, by mistake, a pod's.
    .filter((ip) => read.get(tables.vips, ip) === undefined);
  return [...new Set([...vips, ...pods])]
    .sort()
    .map((ip) => `${ip.includes(':') ? `[${ip}]` : ip}:*`);
}

/** What all other calls meet, in a scope: the mesh's, or a sidecar's with settings of its own. */
export function toOutboundRoutes(
  setter: Sidecar | undefined,
  read: Read,
  tables: PolicyTables,
): Scoped<OutboundRoutesIr> {
  const caller = setter === undefined ? undefined : read.get(tables.callers, setter.pod)?.caller;
  const route = toRoute({ services: [] }, caller, read, tables);
  const scope = setter === undefined ? meshScope : podScope(setter.namespace, setter.name);
  return { scope, isEager: true, ir: { route } };
}

function toRoute(
  callee: Callee,
  caller: Caller | undefined,
  read: Read,
  tables: PolicyTables,
): RouteIr {
  const speakers = outboundSpeakers(callee, caller, read, tables);
  return routesFeature.toPlainRoute('any', toRouteSettings(speakers));
}
