/** `outbound.loadBalancing`: which endpoint gets a call, and in which order groups of endpoints are used. */
import type { BalancingIr, SettingIr } from '../../../ir/index.js';
import type {
  Algorithm,
  HashSetting,
  LoadBalancingSetting,
  Locality,
  OutboundSetting,
  ServiceRef,
} from '../../../model/index.js';
import { describe, settle, type Leaf, type Setting, type Speaker } from '../../to-ir/settings.js';
import { showDuration } from '../show-duration.js';

const section = 'spec.outbound.loadBalancing';

function leaf<Value>(
  field: string,
  get: (says: LoadBalancingSetting) => Value | undefined,
): Leaf<OutboundSetting, Value> {
  return {
    field: `${section}.${field}`,
    get: ({ loadBalancing }) => (loadBalancing === undefined ? undefined : get(loadBalancing)),
  };
}

const algorithm = leaf('algorithm', (says) => says.algorithm);
/** One of its fields is there, so that it is replaced whole. */
const hashOn = leaf('hashOn', (says) => says.hashOn);
const slowStart = leaf('slowStart', (says) => says.slowStartMs);
const locality = leaf('locality', (says) => says.locality);
const failover = leaf('failover', (says) => says.failover);

/** What a cluster holds. */
export interface ClusterBalancing {
  readonly balancing: BalancingIr;
  readonly settings: readonly SettingIr[];
}

/** In which order groups of endpoints are used. */
export interface Placement {
  readonly locality: Locality;
  readonly failover: readonly ServiceRef[];
  readonly settings: readonly SettingIr[];
}

/** Whether an algorithm looks at what is hashed. */
export function isHashing(name: Algorithm): boolean {
  return name === 'RingHash' || name === 'Maglev';
}

/** Whether an algorithm brings new endpoints up slowly. */
export function isWeighing(name: Algorithm): boolean {
  return name === 'LeastRequest' || name === 'RoundRobin';
}

function toCluster(speakers: readonly Speaker<OutboundSetting>[]): ClusterBalancing {
  const chosen = settle(speakers, algorithm);
  const hash = settle(speakers, hashOn);
  const slow = settle(speakers, slowStart);
  const name = chosen?.value ?? 'LeastRequest';
  return {
    balancing: {
      algorithm: name,
      ...(hash === undefined || !isHashing(name) ? {} : { hashOn: hash.value }),
      ...(slow === undefined || slow.value === 0 || !isWeighing(name)
        ? {}
        : { slowStartMs: slow.value }),
    },
    settings: [
      ...describe(chosen, (value) => `balanced by ${value}`),
      ...describe(hash, (value) => `hashed on ${sayHash(value)}`),
      ...describe(slow, (value) =>
        value === 0 ? 'no slow start' : `slow start over ${showDuration(value)}`,
      ),
    ],
  };
}

/** `own`: what the Service says of zones itself; any policy's word counts before it. */
function toPlacement(
  speakers: readonly Speaker<OutboundSetting>[],
  own?: Setting<Locality>,
): Placement {
  const near = settle(speakers, locality) ?? own;
  const others = settle(speakers, failover);
  return {
    locality: near?.value ?? 'None',
    failover: others?.value ?? [],
    settings: [...describe(near, (value) => `locality ${value}`), ...describe(others, sayFailover)],
  };
}

function sayHash(hash: HashSetting): string {
  return hash.kind === 'sourceIP' ? 'the caller’s address' : `${hash.kind} ${hash.name}`;
}

function sayFailover(services: readonly ServiceRef[]): string {
  const names = services.map(({ namespace, name }) => `${namespace}/${name}`);
  return names.length === 0 ? 'no failover' : `failover to ${names.join(', then ')}`;
}

/** The feature. */
export const loadBalancingFeature: {
  readonly leaves: readonly Leaf<OutboundSetting, unknown>[];
  readonly toCluster: typeof toCluster;
  readonly toPlacement: typeof toPlacement;
} = Object.freeze({
  leaves: [algorithm, hashOn, slowStart, locality, failover],
  toCluster,
  toPlacement,
});
