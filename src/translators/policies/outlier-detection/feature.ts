/** `outbound.outlierDetection`: endpoints that fail are left out for a while. */
import type { OutlierDetectionIr, SettingIr } from '../../../ir/index.js';
import type { OutboundSetting, OutlierDetectionSetting } from '../../../model/index.js';
import { describe, settle, type Leaf, type Setting, type Speaker } from '../../to-ir/settings.js';
import { showDuration } from '../show-duration.js';

const section = 'spec.outbound.outlierDetection';

function leaf<Value>(
  field: string,
  get: (says: OutlierDetectionSetting) => Value | undefined,
): Leaf<OutboundSetting, Value> {
  return {
    field: `${section}.${field}`,
    get: ({ outlierDetection }) =>
      outlierDetection === undefined ? undefined : get(outlierDetection),
  };
}

const consecutive5xx = leaf('consecutive5xx', (says) => says.consecutive5xx);
const gatewayErrors = leaf('consecutiveGatewayErrors', (says) => says.consecutiveGatewayErrors);
/** `successRate: {}` asks for it with every default. */
const successRate = leaf('successRate', (says) =>
  says.successRate === undefined ? undefined : true,
);
const minimumHosts = leaf('successRate.minimumHosts', (says) => says.successRate?.minimumHosts);
const requestVolume = leaf('successRate.requestVolume', (says) => says.successRate?.requestVolume);
const stdevFactor = leaf('successRate.stdevFactor', (says) => says.successRate?.stdevFactor);
const interval = leaf('interval', (says) => says.intervalMs);
const baseEjection = leaf('baseEjection', (says) => says.baseEjectionMs);
const maxEjected = leaf('maxEjectedPercent', (says) => says.maxEjectedPercent);

const defaults = {
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  // Envoy's 10 % would never leave out one of nine.
  maxEjectedPercent: 50,
  successRate: { minimumHosts: 5, requestVolume: 100, stdevFactor: 1.9 },
} as const;

/** What a cluster holds. */
export interface ClusterOutlierDetection {
  /** Absent: no endpoint is left out. */
  readonly outlierDetection?: OutlierDetectionIr;
  readonly settings: readonly SettingIr[];
}

function toCluster(
  speakers: readonly Speaker<OutboundSetting>[],
  maxEjectedPercent: number = defaults.maxEjectedPercent,
): ClusterOutlierDetection {
  const decided = {
    consecutive5xx: settle(speakers, consecutive5xx),
    gatewayErrors: settle(speakers, gatewayErrors),
    interval: settle(speakers, interval),
    baseEjection: settle(speakers, baseEjection),
    maxEjected: settle(speakers, maxEjected),
  };
  const rate = toSuccessRate(speakers);
  const count5xx = positive(decided.consecutive5xx);
  const countGateway = positive(decided.gatewayErrors);
  const reasons = {
    ...(count5xx === undefined ? {} : { consecutive5xx: count5xx }),
    ...(countGateway === undefined ? {} : { consecutiveGatewayErrors: countGateway }),
    ...(rate === undefined ? {} : { successRate: rate }),
  };
  return {
    ...(Object.keys(reasons).length === 0
      ? {}
      : {
          outlierDetection: {
            ...reasons,
            intervalMs: decided.interval?.value ?? defaults.intervalMs,
            baseEjectionMs: decided.baseEjection?.value ?? defaults.baseEjectionMs,
            maxEjectedPercent: decided.maxEjected?.value ?? maxEjectedPercent,
          },
        }),
    settings: [
      ...describe(decided.consecutive5xx, sayCount('answers of 5xx')),
      ...describe(decided.gatewayErrors, sayCount('gateway errors')),
      ...describe(settle(speakers, successRate), () => 'left out by the rate of success'),
      ...describe(
        settle(speakers, minimumHosts),
        (value) => `rates of ${value} endpoints at least`,
      ),
      ...describe(settle(speakers, requestVolume), (value) => `rates of ${value} calls at least`),
      ...describe(settle(speakers, stdevFactor), (value) => `rates ${value} deviations below`),
      ...describe(decided.interval, (value) => `outliers: looked at each ${showDuration(value)}`),
      ...describe(decided.baseEjection, (value) => `left out for ${showDuration(value)} at first`),
      ...describe(decided.maxEjected, (value) => `left out: ${value} % at most`),
    ],
  };
}

/** 0 says never, as nothing does. */
function positive(decided: Setting<number> | undefined): number | undefined {
  return decided === undefined || decided.value === 0 ? undefined : decided.value;
}

function sayCount(what: string): (value: number) => string {
  return (value) =>
    value === 0 ? `never left out for ${what}` : `left out after ${value} ${what} in a row`;
}

function toSuccessRate(
  speakers: readonly Speaker<OutboundSetting>[],
): OutlierDetectionIr['successRate'] {
  if (settle(speakers, successRate) === undefined) return undefined;
  return {
    minimumHosts: settle(speakers, minimumHosts)?.value ?? defaults.successRate.minimumHosts,
    requestVolume: settle(speakers, requestVolume)?.value ?? defaults.successRate.requestVolume,
    stdevFactor: settle(speakers, stdevFactor)?.value ?? defaults.successRate.stdevFactor,
  };
}

/** The feature. */
export const outlierDetectionFeature: {
  readonly leaves: readonly Leaf<OutboundSetting, unknown>[];
  readonly toCluster: typeof toCluster;
} = Object.freeze({
  leaves: [
    ...[consecutive5xx, gatewayErrors, minimumHosts, requestVolume, stdevFactor],
    ...[interval, baseEjection, maxEjected],
  ],
  toCluster,
});
