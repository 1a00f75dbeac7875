/** Endpoints in the order in which a caller uses them: those of its zone, then others. */
import type { EndpointGroupIr, EndpointIr, PlacementIr } from '../../ir/index.js';
import type { GroupEndpoint } from './endpoint-group.js';

/** What the order depends on. */
export interface Place {
  readonly placement: PlacementIr;
  /** The caller's; absent: not known, so that every zone is as near. */
  readonly zone?: string;
}

interface Candidates {
  readonly says: string;
  readonly endpoints: readonly GroupEndpoint[];
}

/** The groups in order; one of all stands for none only where it is empty. */
export function toGroups(
  endpoints: readonly GroupEndpoint[],
  { placement, zone }: Place,
): readonly EndpointGroupIr[] {
  const groups = splitByZone(endpoints, placement.locality, zone);
  const last = groups.findLastIndex((group) => group.endpoints.some(isHealthy));
  return groups.flatMap((group, index): EndpointGroupIr[] => {
    // Calls must have somewhere to spill over to that is better than endpoints that are draining.
    const isCounted = ({ health }: GroupEndpoint): boolean => health !== 'unready' || index < last;
    const used = group.endpoints.filter(isCounted);
    return used.length === 0 && group.says === ''
      ? []
      : [{ says: group.says, localities: byZone(used) }];
  });
}

function isHealthy({ health }: GroupEndpoint): boolean {
  return health === 'healthy';
}

function splitByZone(
  endpoints: readonly GroupEndpoint[],
  locality: PlacementIr['locality'],
  zone: string | undefined,
): readonly Candidates[] {
  if (locality === 'None' || zone === undefined) return [{ says: '', endpoints }];
  const near = { says: `zone ${zone}`, endpoints: endpoints.filter((one) => one.zone === zone) };
  if (locality === 'Strict') return [near];
  const others = endpoints.filter((one) => one.zone !== zone);
  return [near, { says: 'other zones', endpoints: others }];
}

function byZone(endpoints: readonly GroupEndpoint[]): EndpointGroupIr['localities'] {
  const zones = new Map<string, EndpointIr[]>();
  for (const { ip, port, health, isInMesh, zone } of endpoints) {
    const members = zones.get(zone) ?? [];
    members.push({ ip, port, health, isInMesh });
    zones.set(zone, members);
  }
  return [...zones.keys()].sort().map((zone) => ({ zone, endpoints: zones.get(zone) ?? [] }));
}
