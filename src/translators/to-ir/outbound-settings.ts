/** `outbound` as a whole: what its features together say of clusters and of routes. */
import type { ClusterIr, Origin, RouteActionIr, SettingIr } from '../../ir/index.js';
import type { OutboundSetting } from '../../model/index.js';
import { timeoutsFeature } from '../policies/timeouts/feature.js';
import type { Leaf, Speaker } from './settings.js';

/** What policies decide of a cluster. */
export type ClusterSettings = Pick<ClusterIr, 'connectTimeoutMs' | 'idleTimeoutMs' | 'settings'>;

/** What policies decide of a route that forwards. */
export interface RouteSettings {
  readonly forward: Pick<Extract<RouteActionIr, { kind: 'forward' }>, 'timeoutMs'>;
  readonly settings: readonly SettingIr[];
}

/** Every leaf of `outbound`. */
export const outboundLeaves: readonly Leaf<OutboundSetting, unknown>[] = timeoutsFeature.leaves;

/** Whether something is said that routes hold, as opposed to clusters. */
export function hasRouteSettings(says: OutboundSetting): boolean {
  return timeoutsFeature.routeLeaves.some(({ get }) => get(says) !== undefined);
}

/** What holds for calls of which `speakers` speak, as far as clusters hold it. */
export function toClusterSettings(speakers: readonly Speaker<OutboundSetting>[]): ClusterSettings {
  return timeoutsFeature.toCluster(speakers);
}

/** What holds for calls of which `speakers` speak, as far as routes hold it. */
export function toRouteSettings(speakers: readonly Speaker<OutboundSetting>[]): RouteSettings {
  const { settings, ...forward } = timeoutsFeature.toRoute(speakers);
  return { forward, settings };
}

/** The policies behind settings, each field once. */
export function settingOrigins(settings: readonly SettingIr[]): readonly Origin[] {
  return settings.map(({ origin }) => origin);
}
