/** `outbound` as the model has it: durations in milliseconds. */
import {
  caBundleKey,
  credentialKey,
  type ConnectionsSetting,
  type HashSetting,
  type LoadBalancingSetting,
  type OutboundSetting,
  type OutlierDetectionSetting,
  type SuccessRateSetting,
  type TimeoutsSetting,
  type TlsSetting,
} from '../../../model/index.js';
import type { OutboundEntry } from './outbound-schema.js';
import { toOutboundRetrySetting } from './retries.js';
import { toServiceRef } from './service-schema.js';
import { durationMs } from './texts.js';

type Entry<Name extends keyof OutboundEntry> = NonNullable<OutboundEntry[Name]>;

/** The settings; undefined when the section gives none. */
export function toOutboundSetting(
  entry: OutboundEntry,
  ownNamespace: string,
): OutboundSetting | undefined {
  const { timeouts, retries, connections, outlierDetection, loadBalancing, tls } = entry;
  const setting = {
    ...(timeouts === undefined ? {} : { timeouts: toTimeouts(timeouts) }),
    ...(retries === undefined ? {} : { retries: toOutboundRetrySetting(retries) }),
    ...(connections === undefined ? {} : { connections: toConnections(connections) }),
    ...(outlierDetection === undefined
      ? {}
      : { outlierDetection: toOutlierDetection(outlierDetection) }),
    ...(loadBalancing === undefined
      ? {}
      : { loadBalancing: toLoadBalancing(loadBalancing, ownNamespace) }),
    ...(tls === undefined ? {} : { tls: toTls(tls, ownNamespace) }),
  };
  return Object.keys(setting).length === 0 ? undefined : setting;
}

function toTimeouts(entry: Entry<'timeouts'>): TimeoutsSetting {
  const { connect, request, idle } = entry;
  return {
    ...(connect === undefined ? {} : { connectMs: durationMs(connect) }),
    ...(request === undefined ? {} : { requestMs: durationMs(request) }),
    ...(idle === undefined ? {} : { idleMs: durationMs(idle) }),
  };
}

function toConnections(entry: Entry<'connections'>): ConnectionsSetting {
  const { max, maxPending, maxRequests, maxRequestsPerConnection, tcpKeepalive } = entry;
  return {
    ...(max === undefined ? {} : { max }),
    ...(maxPending === undefined ? {} : { maxPending }),
    ...(maxRequests === undefined ? {} : { maxRequests }),
    ...(maxRequestsPerConnection === undefined ? {} : { maxRequestsPerConnection }),
    ...(tcpKeepalive === undefined ? {} : { tcpKeepaliveMs: durationMs(tcpKeepalive) }),
  };
}

function toOutlierDetection(entry: Entry<'outlierDetection'>): OutlierDetectionSetting {
  const { consecutive5xx, consecutiveGatewayErrors, successRate } = entry;
  const { interval, baseEjection, maxEjectedPercent } = entry;
  return {
    ...(consecutive5xx === undefined ? {} : { consecutive5xx }),
    ...(consecutiveGatewayErrors === undefined ? {} : { consecutiveGatewayErrors }),
    ...(successRate === undefined ? {} : { successRate: toSuccessRate(successRate) }),
    ...(interval === undefined ? {} : { intervalMs: durationMs(interval) }),
    ...(baseEjection === undefined ? {} : { baseEjectionMs: durationMs(baseEjection) }),
    ...(maxEjectedPercent === undefined ? {} : { maxEjectedPercent }),
  };
}

function toSuccessRate(
  entry: NonNullable<Entry<'outlierDetection'>['successRate']>,
): SuccessRateSetting {
  const { minimumHosts, requestVolume, stdevFactor } = entry;
  return {
    ...(minimumHosts === undefined ? {} : { minimumHosts }),
    ...(requestVolume === undefined ? {} : { requestVolume }),
    ...(stdevFactor === undefined ? {} : { stdevFactor }),
  };
}

function toLoadBalancing(
  entry: Entry<'loadBalancing'>,
  ownNamespace: string,
): LoadBalancingSetting {
  const { algorithm, slowStart, locality, failover } = entry;
  const hashOn = entry.hashOn === undefined ? undefined : toHash(entry.hashOn);
  return {
    ...(algorithm === undefined ? {} : { algorithm }),
    ...(hashOn === undefined ? {} : { hashOn }),
    ...(slowStart === undefined ? {} : { slowStartMs: durationMs(slowStart) }),
    ...(locality === undefined ? {} : { locality }),
    ...(failover === undefined
      ? {}
      : { failover: failover.map((ref) => toServiceRef(ref, ownNamespace)) }),
  };
}

function toTls(entry: Entry<'tls'>, ownNamespace: string): TlsSetting {
  const { mode, sni, caBundle, credential } = entry;
  return {
    ...(mode === undefined ? {} : { mode }),
    ...(sni === undefined ? {} : { sni }),
    ...(caBundle === undefined ? {} : { caBundle: caBundleKey(ownNamespace, caBundle.configMap) }),
    ...(credential === undefined
      ? {}
      : { credential: credentialKey(ownNamespace, credential.secret) }),
  };
}

/** The schema sees to it that one field is there. */
function toHash(entry: NonNullable<Entry<'loadBalancing'>['hashOn']>): HashSetting {
  const { header, cookie, queryParam } = entry;
  if (header !== undefined) return { kind: 'header', name: header.toLowerCase() };
  if (queryParam !== undefined) return { kind: 'queryParam', name: queryParam };
  if (cookie === undefined) return { kind: 'sourceIP' };
  const ttlMs = cookie.ttl === undefined ? 0 : durationMs(cookie.ttl);
  return { kind: 'cookie', name: cookie.name, ttlMs };
}
