/** `outbound.connections`: what a sidecar bears of one callee at once, and how its connections live. */
import type { ConnectionsIr, SettingIr } from '../../../ir/index.js';
import type { ConnectionsSetting, OutboundSetting } from '../../../model/index.js';
import { describe, settle, type Leaf, type Speaker } from '../../to-ir/settings.js';
import { showDuration } from '../show-duration.js';

const section = 'spec.outbound.connections';

function leaf<Name extends keyof ConnectionsSetting>(
  name: Name,
  field: string = name,
): Leaf<OutboundSetting, NonNullable<ConnectionsSetting[Name]>> {
  return {
    field: `${section}.${field}`,
    get: ({ connections }) => connections?.[name] ?? undefined,
  };
}

const max = leaf('max');
const maxPending = leaf('maxPending');
const maxRequests = leaf('maxRequests');
const maxPerConnection = leaf('maxRequestsPerConnection');
const keepalive = leaf('tcpKeepaliveMs', 'tcpKeepalive');

/** What a cluster holds. */
export interface ClusterConnections {
  readonly connections: ConnectionsIr;
  readonly settings: readonly SettingIr[];
}

function toCluster(speakers: readonly Speaker<OutboundSetting>[]): ClusterConnections {
  const decided = {
    max: settle(speakers, max),
    maxPending: settle(speakers, maxPending),
    maxRequests: settle(speakers, maxRequests),
    maxPerConnection: settle(speakers, maxPerConnection),
    keepalive: settle(speakers, keepalive),
  };
  const perConnection = decided.maxPerConnection?.value ?? 0;
  const keepaliveMs = decided.keepalive?.value ?? 0;
  return {
    connections: {
      ...(decided.max === undefined ? {} : { max: decided.max.value }),
      ...(decided.maxPending === undefined ? {} : { maxPending: decided.maxPending.value }),
      ...(decided.maxRequests === undefined ? {} : { maxRequests: decided.maxRequests.value }),
      ...(perConnection === 0 ? {} : { maxRequestsPerConnection: perConnection }),
      ...(keepaliveMs === 0 ? {} : { tcpKeepaliveSeconds: keepaliveMs / 1000 }),
    },
    settings: [
      ...describe(decided.max, (value) => `connections: ${value} at most`),
      ...describe(decided.maxPending, (value) => `pending calls: ${value} at most`),
      ...describe(decided.maxRequests, (value) => `calls under way: ${value} at most`),
      ...describe(decided.maxPerConnection, (value) =>
        value === 0 ? 'calls per connection: no limit' : `calls per connection: ${value} at most`,
      ),
      ...describe(decided.keepalive, (value) =>
        value === 0 ? 'TCP keepalive off' : `TCP keepalive after ${showDuration(value)}`,
      ),
    ],
  };
}

/** The feature. */
export const connectionsFeature: {
  readonly leaves: readonly Leaf<OutboundSetting, unknown>[];
  readonly toCluster: typeof toCluster;
} = Object.freeze({
  leaves: [max, maxPending, maxRequests, maxPerConnection, keepalive],
  toCluster,
});
