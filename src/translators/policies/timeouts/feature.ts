/** `outbound.timeouts`: how long callers wait for a connection, for an answer, and keep an idle connection. */
import type { SettingIr } from '../../../ir/index.js';
import type { OutboundSetting } from '../../../model/index.js';
import { describe, settle, type Leaf, type Speaker } from '../../to-ir/settings.js';
import { showDuration } from '../show-duration.js';

const section = 'spec.outbound.timeouts';

type MsLeaf = Leaf<OutboundSetting, number>;

const connect: MsLeaf = { field: `${section}.connect`, get: (says) => says.timeouts?.connectMs };
const request: MsLeaf = { field: `${section}.request`, get: (says) => says.timeouts?.requestMs };
const idle: MsLeaf = { field: `${section}.idle`, get: (says) => says.timeouts?.idleMs };

const defaultConnectMs = 1000;

/** What a cluster holds. */
export interface ClusterTimeouts {
  readonly connectTimeoutMs: number;
  /** Absent: the default of its kind; 0: never. */
  readonly idleTimeoutMs?: number;
  readonly settings: readonly SettingIr[];
}

/** What a route holds. */
export interface RouteTimeouts {
  /** Absent: no request timeout. */
  readonly timeoutMs?: number;
  readonly settings: readonly SettingIr[];
}

function toCluster(speakers: readonly Speaker<OutboundSetting>[]): ClusterTimeouts {
  const decidedConnect = settle(speakers, connect);
  const decidedIdle = settle(speakers, idle);
  return {
    connectTimeoutMs: decidedConnect?.value ?? defaultConnectMs,
    ...(decidedIdle === undefined ? {} : { idleTimeoutMs: decidedIdle.value }),
    settings: [
      ...describe(decidedConnect, say('connect timeout')),
      ...describe(decidedIdle, say('idle timeout')),
    ],
  };
}

function toRoute(speakers: readonly Speaker<OutboundSetting>[]): RouteTimeouts {
  const decided = settle(speakers, request);
  return {
    ...(decided === undefined || decided.value === 0 ? {} : { timeoutMs: decided.value }),
    settings: describe(decided, say('request timeout')),
  };
}

function say(what: string): (ms: number) => string {
  return (ms) => `${what} ${ms === 0 ? 'none' : showDuration(ms)}`;
}

/** The feature. */
export const timeoutsFeature: {
  readonly leaves: readonly Leaf<OutboundSetting, unknown>[];
  /** Those that routes hold: they need a virtual host where they are not the whole mesh's. */
  readonly routeLeaves: readonly Leaf<OutboundSetting, unknown>[];
  readonly toCluster: typeof toCluster;
  readonly toRoute: typeof toRoute;
} = Object.freeze({
  leaves: [connect, request, idle],
  routeLeaves: [request],
  toCluster,
  toRoute,
});
