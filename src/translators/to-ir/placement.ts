/** In which order the endpoints of a cluster are used, and where that differs from caller to caller. */
import { equal, type Read } from '../../graph/index.js';
import { meshScope, type PlacementIr, type Scope, type SettingIr } from '../../ir/index.js';
import type { Locality, OutboundSetting } from '../../model/index.js';
import { loadBalancingFeature } from '../policies/load-balancing/feature.js';
import type { Destination } from './destination.js';
import type { Setting, Speaker } from './settings.js';
import type { PolicyTables, SourceTables, WorkloadTables } from './tables.js';

/** All endpoints are the same, to everybody. */
export const noPlacement: PlacementIr = { locality: 'None', origins: [] };

/** Whether some endpoints come before others. */
export function isPlaced(placement: PlacementIr): boolean {
  return !equalPlacement(placement, noPlacement);
}

/** Whether endpoints have the same order; who decided it does not count. */
export function equalPlacement(a: PlacementIr, b: PlacementIr): boolean {
  return equal({ ...a, origins: [] }, { ...b, origins: [] });
}

/** The order, and who decided it; an address that was called has one endpoint and no order. */
export function toPlacement(
  destination: Destination,
  speakers: readonly Speaker<OutboundSetting>[],
  read: Read,
  tables: Pick<SourceTables, 'services'>,
): { readonly placement: PlacementIr; readonly settings: readonly SettingIr[] } {
  if (destination.kind !== 'group') return { placement: noPlacement, settings: [] };
  const service = read.get(tables.services, destination.service);
  const own: Setting<Locality> | undefined =
    service?.prefersNear === true
      ? {
          value: 'PreferZone',
          origin: { object: `Service ${service.key}`, field: 'spec.trafficDistribution' },
        }
      : undefined;
  const { locality, settings } = loadBalancingFeature.toPlacement(speakers, own);
  return { placement: { locality, origins: settings.map(({ origin }) => origin) }, settings };
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
