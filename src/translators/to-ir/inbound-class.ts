/** Workloads that are alike to every policy about servers: what is decided for one of them holds for all. */
import type { Read } from '../../graph/index.js';
import type { InboundIr } from '../../ir/index.js';
import type { PolicyKey } from '../../model/index.js';
import type { ClassDecision } from './inbound.js';
import type { EndpointTables } from './tables.js';
import type { Sidecar } from './workload.js';

/** The side of one workload that callers see. */
export interface InboundDecision {
  readonly ir: InboundIr;
  /** Policies that reach it, sorted. */
  readonly policies: readonly PolicyKey[];
}

/**
 * The same text for the workloads of a class, and for no others: it holds all that decisions about them
 * read of them. The replicas of a Deployment are mostly one class, and cost as much as one pod.
 */
export function toClassKey(
  { pod, namespace, labels, isTerminating }: Sidecar,
  read: Read,
  tables: Pick<EndpointTables, 'servedByPod'>,
): string {
  const served = read
    .find(tables.servedByPod, pod)
    .map(({ service, portName, port, protocol }) => [service, portName, port, protocol]);
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([namespace, sorted, isTerminating, served]);
}

/** What was decided for its class, as the workload's own. */
export function toInbound(sidecar: Sidecar, decided: ClassDecision): InboundDecision {
  const { pod, namespace, serviceAccount, labels, ips, isTerminating: isDraining } = sidecar;
  const { ports, policies } = decided;
  return { ir: { pod, namespace, serviceAccount, labels, ips, isDraining, ports }, policies };
}
