/** What becomes of a call as data: tests of policies compare it, plans compare two of it. */
import { parseClusterName, type RetryIr, type RouteIr, type Wire } from '../../ir/index.js';
import type { Labels, ServiceKey } from '../../model/index.js';
import type { MeshView } from './mesh-view.js';

/** Where a share of the calls goes. */
export interface BackendFact {
  /** The cluster's name. */
  readonly cluster: string;
  /** Absent: an address that is no Service's. */
  readonly service?: ServiceKey;
  /** The Service's port, or the address's. */
  readonly port?: number;
  /** Labels that the pods must carry; empty: all endpoints. */
  readonly subset: Labels;
  /** Of all calls that the route takes, 0 to 100; the shares of one call add up to 100. */
  readonly percent: number;
}

/** What the caller's sidecar does with a call. */
export interface CallFacts {
  /** The Service that is called; absent where it is none. */
  readonly service?: ServiceKey;
  /** Absent where the name means nothing. */
  readonly wire?: Wire;
  /** `namespace/policy/rule`; absent: no rule takes it. */
  readonly route?: string;
  /** The status with which the sidecar answers by itself. */
  readonly status?: number;
  readonly backends: readonly BackendFact[];
  /** Who else receives it, and how many of the calls. */
  readonly mirror?: BackendFact;
  /** Absent: no request timeout. */
  readonly timeoutMs?: number;
  /** Faults that are made on the way, in words. */
  readonly fault?: string;
  /** Absent where nothing can be tried again. */
  readonly retry?: RetryIr;
}

/** The facts of a call that nobody takes. */
export const noFacts: CallFacts = { backends: [] };

/** Where a cluster leads, by its name. */
export function toBackendFact(view: MeshView, cluster: string, percent: number): BackendFact {
  const name = parseClusterName(cluster);
  if (name === undefined) return { cluster, subset: {}, percent };
  const { port } = name;
  if (name.kind === 'service') {
    return { cluster, service: name.service, port, subset: name.subset, percent };
  }
  const service = view.serviceByIp(name.ip)?.key;
  return { cluster, ...(service && { service }), port, subset: {}, percent };
}

/** What a route holds of the calls that it sends on. */
export function toRouteFacts(
  view: MeshView,
  { action, settings }: RouteIr,
): Pick<CallFacts, 'mirror' | 'timeoutMs' | 'fault' | 'retry'> {
  if (action.kind !== 'forward') return {};
  const { mirror, timeoutMs, retry } = action;
  const faults = settings.filter(({ says }) => says.startsWith('fault: '));
  return {
    ...(mirror && { mirror: toBackendFact(view, mirror.cluster, mirror.percent) }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(faults.length === 0 ? {} : { fault: faults.map(({ says }) => says.slice(7)).join('; ') }),
    retry,
  };
}
