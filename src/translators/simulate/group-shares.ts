/** Which share of a cluster's calls goes to which group of its endpoints, as Envoy's priorities have it. */
import type { EndpointIr, EndpointsIr } from '../../ir/index.js';

/** A group and what it gets. */
export interface GroupShare {
  /** As in the IR; `draining` for all that are used when nothing healthy is left. */
  readonly says: string;
  /** Of the calls, 0 to 100. */
  readonly percent: number;
  /** Endpoints that may get a call. */
  readonly usable: readonly EndpointIr[];
  /** With those that get none, since they are not ready. */
  readonly total: number;
}

/** A group is full while this share of it is healthy: https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/priority */
const overprovisioning = 140;

/** The groups in order, and last those that drain; of ejections, which each sidecar decides, nothing is known. */
export function shareByGroup({ groups }: EndpointsIr): readonly GroupShare[] {
  const all = groups.map(({ says, localities }) => ({
    says,
    endpoints: localities.flatMap(({ endpoints }) => endpoints),
  }));
  const draining = all.flatMap(({ endpoints }) => endpoints.filter(isDraining));
  const ordered = [
    ...all.map(({ says, endpoints }) => ({ says, endpoints: endpoints.filter(isNotDraining) })),
    ...(draining.length === 0 ? [] : [{ says: 'draining', endpoints: draining }]),
  ];
  const healths = ordered.map(({ endpoints }) => {
    const usable = endpoints.filter(isUsable).length;
    if (usable === 0) return 0;
    return Math.min(100, Math.floor((overprovisioning * usable) / endpoints.length));
  });
  const available = Math.min(100, sum(healths));
  let left = 100;
  return ordered.map(({ says, endpoints }, index) => {
    const health = healths[index] ?? 0;
    const percent = Math.min(left, available === 0 ? 0 : Math.round((100 * health) / available));
    left -= percent;
    return { says, percent, usable: endpoints.filter(isUsable), total: endpoints.length };
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function isDraining({ health }: EndpointIr): boolean {
  return health === 'draining';
}

function isNotDraining({ health }: EndpointIr): boolean {
  return health !== 'draining';
}

function isUsable({ health }: EndpointIr): boolean {
  return health !== 'unready';
}
