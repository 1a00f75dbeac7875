/** `outbound` as a whole: what its features together say of clusters and of routes. */
import type { ClusterIr, Origin, RouteActionIr, SettingIr } from '../../ir/index.js';
import type { OutboundSetting } from '../../model/index.js';
import { connectionsFeature } from '../policies/connections/feature.js';
import { loadBalancingFeature } from '../policies/load-balancing/feature.js';
import { outlierDetectionFeature } from '../policies/outlier-detection/feature.js';
import { retriesFeature } from '../policies/retries/feature.js';
import { timeoutsFeature } from '../policies/timeouts/feature.js';
import { tlsFeature, type TlsContext } from '../policies/tls/feature.js';
import type { Leaf, Speaker } from './settings.js';

/** What policies decide of a cluster. */
export type ClusterSettings = Pick<
  ClusterIr,
  | 'connectTimeoutMs'
  | 'idleTimeoutMs'
  | 'retryBudget'
  | 'connections'
  | 'outlierDetection'
  | 'balancing'
  | 'tls'
  | 'settings'
>;

/** What policies decide of a route that forwards. */
export interface RouteSettings {
  readonly forward: Pick<Extract<RouteActionIr, { kind: 'forward' }>, 'timeoutMs' | 'retry'>;
  readonly settings: readonly SettingIr[];
}

/** Every leaf of `outbound`. */
export const outboundLeaves: readonly Leaf<OutboundSetting, unknown>[] = [
  ...timeoutsFeature.leaves,
  ...retriesFeature.leaves,
  ...connectionsFeature.leaves,
  ...outlierDetectionFeature.leaves,
  ...loadBalancingFeature.leaves,
  ...tlsFeature.leaves,
];

const routeLeaves = [...timeoutsFeature.routeLeaves, ...retriesFeature.routeLeaves];

/** Whether something is said that routes hold, as opposed to clusters. */
export function hasRouteSettings(says: OutboundSetting): boolean {
  return routeLeaves.some(({ get }) => get(says) !== undefined);
}

/**
 * What holds for calls of which `speakers` speak, as far as clusters hold it; how many endpoints may be
 * left out where nobody says it, and what TLS outside the mesh needs to know (absent: it is refused).
 */
export function toClusterSettings(
  speakers: readonly Speaker<OutboundSetting>[],
  context: { readonly maxEjectedPercent?: number; readonly tls?: TlsContext } = {},
): ClusterSettings {
  const timeouts = timeoutsFeature.toCluster(speakers);
  const retries = retriesFeature.toCluster(speakers);
  const connections = connectionsFeature.toCluster(speakers);
  const outliers = outlierDetectionFeature.toCluster(speakers, context.maxEjectedPercent);
  const balancing = loadBalancingFeature.toCluster(speakers);
  const tls = tlsFeature.toCluster(speakers, context.tls);
  const all = [timeouts, retries, connections, outliers, balancing, tls];
  const settings = all.flatMap((each) => each.settings);
  return {
    ...{ ...timeouts, ...retries, ...connections, ...outliers, ...balancing },
    tls: tls.tls,
    settings,
  };
}

/** What holds for calls of which `speakers` speak, as far as routes hold it. */
export function toRouteSettings(speakers: readonly Speaker<OutboundSetting>[]): RouteSettings {
  const { settings: timeouts, ...forward } = timeoutsFeature.toRoute(speakers);
  const { settings: retries, retry } = retriesFeature.toRoute(speakers);
  return { forward: { ...forward, retry }, settings: [...timeouts, ...retries] };
}

/** The policies behind settings. */
export function settingOrigins(settings: readonly SettingIr[]): readonly Origin[] {
  return settings.map(({ origin }) => origin);
}
