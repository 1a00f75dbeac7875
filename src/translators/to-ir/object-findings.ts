/** What is wrong with Services and Pods by themselves: addresses that two of them claim, mixed ports. */
import type { Read } from '../../graph/index.js';
import type { Service } from '../../model/index.js';
import type { Finding } from './finding.js';
import { findMixedPorts } from './outbound-listener.js';
import type { ProtocolTables, WorkloadTables } from './tables.js';
import type { Workload } from './workload.js';

/** Checks one Service against the others. */
export function findServiceProblems(
  service: Service,
  read: Read,
  tables: ProtocolTables,
): readonly Finding[] {
  const conflicts = service.clusterIPs.flatMap((ip, index): Finding[] => {
    const owner = read.get(tables.vips, ip);
    if (owner === undefined || owner === service.key) return [];
    return [
      {
        object: `Service ${service.key}`,
        code: 'AddressConflict',
        severity: 'error',
        field: `spec.clusterIPs[${String(index)}]`,
        value: ip,
        message: `Service ${owner} is older and has this address`,
      },
    ];
  });
  const mayBeMixed = service.ports.some(({ protocol }) => protocol === 'sniff');
  const opaque = mayBeMixed ? (read.get(tables.opaquePorts, 'mesh') ?? []) : [];
  return [...conflicts, ...findMixedPorts(service, opaque)];
}

/** Checks one pod against the others; a pod that is terminating may see its address reused. */
export function findPodProblems(
  workload: Workload,
  read: Read,
  tables: Pick<WorkloadTables, 'owners'>,
): readonly Finding[] {
  if (workload.isTerminating) return [];
  return workload.ips.flatMap((ip, index): Finding[] => {
    const owner = read.get(tables.owners, ip);
    if (owner === undefined || owner.pod === workload.pod) return [];
    return [
      {
        object: `Pod ${workload.pod}`,
        code: 'AddressConflict',
        severity: 'error',
        field: `status.podIPs[${String(index)}]`,
        value: ip,
        message: `Pod ${owner.pod} is older and has this address`,
      },
    ];
  });
}
