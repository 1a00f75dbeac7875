/** In which order the endpoints of a cluster are used, and where that differs from caller to caller. */
import { equal, type Read } from '../../graph/index.js';
import {
  formatClusterName,
  meshScope,
  type PlacementIr,
  type Scope,
  type SettingIr,
} from '../../ir/index.js';
import {
  serviceKey,
  type Locality,
  type OutboundSetting,
  type Service,
  type ServiceKey,
  type ServiceRef,
} from '../../model/index.js';
import { loadBalancingFeature } from '../policies/load-balancing/feature.js';
import { tlsFeature, type TlsContext } from '../policies/tls/feature.js';
import { chosenPort } from '../policies/routes/backends.js';
import { resolveClusterName, type Destination, type NamingSettings } from './destination.js';
import type { Setting, Speaker } from './settings.js';
import type { EndpointTables, PolicyTables, WorkloadTables } from './tables.js';

/** All endpoints are the same, to everybody. */
export const noPlacement: PlacementIr = {
  locality: 'None',
  failover: [],
  isMeshOnly: false,
  origins: [],
};

/** Whether some endpoints come before others. */
export function isPlaced(placement: PlacementIr): boolean {
  return !equalPlacement(placement, noPlacement);
}

/** Whether endpoints have the same order; who decided it does not count. */
export function equalPlacement(a: PlacementIr, b: PlacementIr): boolean {
  return equal({ ...a, origins: [] }, { ...b, origins: [] });
}

/** The order, and who decided it; an address that was called has one endpoint, if any. */
export function toPlacement(
  { destination, context }: { readonly destination: Destination; readonly context: TlsContext },
  speakers: readonly Speaker<OutboundSetting>[],
  read: Read,
  tables: EndpointTables,
  naming: NamingSettings,
): { readonly placement: PlacementIr; readonly settings: readonly SettingIr[] } {
  const { outside, origins: ofTls } = tlsFeature.toCluster(speakers, context).tls;
  const isMeshOnly = outside.kind === 'refused';
  const origins = isMeshOnly ? ofTls : [];
  if (destination.kind !== 'group') {
    return { placement: { ...noPlacement, isMeshOnly, origins }, settings: [] };
  }
  const service = read.get(tables.services, destination.service);
  const decided = loadBalancingFeature.toPlacement(speakers, service && distributionOf(service));
  const { locality, settings } = decided;
  const failover = new Map<ServiceKey, string>();
  for (const ref of decided.failover) {
    const found = resolveFailover(ref, destination.port, read, tables, naming);
    if (found.problem !== undefined || found.service === destination.service) continue;
    if (!failover.has(found.service)) failover.set(found.service, found.cluster);
  }
  return {
    placement: {
      locality,
      failover: [...failover].map(([key, cluster]) => ({ service: key, cluster })),
      isMeshOnly,
      origins: [...settings.map(({ origin }) => origin), ...origins],
    },
    settings,
  };
}

/** What a Service says of zones itself. */
function distributionOf({ key, prefersNear }: Service): Setting<Locality> | undefined {
  if (!prefersNear) return undefined;
  const origin = { object: `Service ${key}`, field: 'spec.trafficDistribution' };
  return { value: 'PreferZone', origin };
}

/** A Service that stands in, or why it cannot. */
export type Failover =
  | { readonly service: ServiceKey; readonly cluster: string; readonly problem?: never }
  | { readonly problem: string };

/** The Service that stands in for calls of a port. */
export function resolveFailover(
  ref: ServiceRef,
  called: number,
  read: Read,
  tables: EndpointTables,
  naming: NamingSettings,
): Failover {
  const key = serviceKey(ref.namespace, ref.name);
  const service = read.get(tables.services, key);
  if (service === undefined) return { problem: `there is no Service ${key}` };
  const port = chosenPort(ref, service, called);
  if (port === undefined) return { problem: `Service ${key} has no TCP port to stand in by` };
  // Its endpoints are the same on every wire.
  const cluster = formatClusterName({
    kind: 'service',
    wire: 'http',
    service: key,
    port,
    subset: {},
  });
  const destination = resolveClusterName(cluster, read, tables, naming);
  if (destination?.kind === 'group') return { service: destination.service, cluster };
  return { problem: `Service ${key} is an ExternalName and has no endpoints to stand in` };
}

/** The zones of the sidecars that see a scope; sorted, and each once. */
export function zonesOf(
  scope: Scope,
  read: Read,
  tables: Pick<PolicyTables, 'zones' | 'zonesByNamespace' | 'callersByScope' | 'sidecarZones'>,
): readonly string[] {
  if (scope === meshScope) return [...read.all(tables.zones).values()].sort();
  const [kind, namespace = ''] = scope.split('/');
  const zones =
    kind === 'callers'
      ? read
          .find(tables.callersByScope, scope)
          .map(({ pod }) => read.get(tables.sidecarZones, pod)?.zone)
      : read.find(tables.zonesByNamespace, namespace).map(({ zone }) => zone);
  return [...new Set(zones.filter((zone) => zone !== undefined))].sort();
}

/** The zone of a scope that is one sidecar's; undefined for all others, and when it is not known. */
export function zoneOfPod(
  scope: Scope,
  read: Read,
  tables: Pick<WorkloadTables, 'sidecarZones'>,
): string | undefined {
  return scope.startsWith('pod/')
    ? read.get(tables.sidecarZones, scope.slice('pod/'.length))?.zone
    : undefined;
}
