/** Endpoints in the order in which a caller uses them: those of its zone, then others, then those that stand in. */
import {
  formatAddress,
  type EndpointGroupIr,
  type EndpointIr,
  type PlacementIr,
} from '../../ir/index.js';
import type { ServiceKey } from '../../model/index.js';
import type { GroupEndpoint } from './endpoint-group.js';

/** What the order depends on. */
export interface Place {
  readonly placement: PlacementIr;
  /** The caller's; absent: not known, so that every zone is as near. */
  readonly zone?: string;
}

/** The endpoints of a Service. */
export interface ServiceEndpoints {
  readonly service: ServiceKey;
  readonly endpoints: readonly GroupEndpoint[];
}

type Candidate = GroupEndpoint & Pick<EndpointIr, 'standsInAs'>;

interface Candidates {
  readonly says: string;
  readonly endpoints: readonly Candidate[];
}

/** The groups in order; one of all stands for none only where it is empty. */
export function toGroups(
  {
    own,
    standIns,
  }: { readonly own: ServiceEndpoints; readonly standIns: readonly ServiceEndpoints[] },
  { placement, zone }: Place,
): readonly EndpointGroupIr[] {
  const split = (all: Candidates): readonly Candidates[] =>
    splitByZone(all, placement.locality, zone);
  const seen = new Set(own.endpoints.map(addressOf));
  const others = standIns.flatMap(({ service, endpoints }) => {
    // Envoy takes an address once; whoever is named first has it.
    const fresh = endpoints.filter((endpoint) => !seen.has(addressOf(endpoint)));
    for (const endpoint of fresh) seen.add(addressOf(endpoint));
    const candidates = fresh.map((endpoint) => ({ ...endpoint, standsInAs: service }));
    return split({ says: `Service ${service}`, endpoints: candidates });
  });
  const says = standIns.length === 0 ? '' : `Service ${own.service}`;
  const groups = [...split({ says, endpoints: own.endpoints }), ...others];
  const last = groups.findLastIndex((group) => group.endpoints.some(isHealthy));
  return groups.flatMap((group, index): EndpointGroupIr[] => {
    // Calls must have somewhere to spill over to that is better than endpoints that are draining.
    const isCounted = ({ health }: Candidate): boolean => health !== 'unready' || index < last;
    const used = group.endpoints.filter(isCounted);
    return used.length === 0 && group.says === ''
      ? []
      : [{ says: group.says, localities: byZone(used) }];
  });
}

function addressOf({ ip, port }: GroupEndpoint): string {
  return formatAddress(ip, port);
}

function isHealthy({ health }: GroupEndpoint): boolean {
  return health === 'healthy';
}

function splitByZone(
  all: Candidates,
  locality: PlacementIr['locality'],
  zone: string | undefined,
): readonly Candidates[] {
  if (locality === 'None' || zone === undefined) return [all];
  const words = (text: string): string => (all.says === '' ? text : `${all.says} in ${text}`);
  const near = {
    says: words(`zone ${zone}`),
    endpoints: all.endpoints.filter((one) => one.zone === zone),
  };
  if (locality === 'Strict') return [near];
  const endpoints = all.endpoints.filter((one) => one.zone !== zone);
  return [near, { says: words('other zones'), endpoints }];
}

function byZone(endpoints: readonly Candidate[]): EndpointGroupIr['localities'] {
  const zones = new Map<string, EndpointIr[]>();
  for (const { ip, port, health, isInMesh, zone, standsInAs } of endpoints) {
    const members = zones.get(zone) ?? [];
    members.push({
      ...{ ip, port, health, isInMesh },
      ...(standsInAs === undefined ? {} : { standsInAs }),
    });
    zones.set(zone, members);
  }
  return [...zones.keys()].sort().map((zone) => ({ zone, endpoints: zones.get(zone) ?? [] }));
}
