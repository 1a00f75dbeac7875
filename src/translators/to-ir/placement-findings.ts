/** What a policy says of the order of endpoints in vain. */
import type { Read } from '../../graph/index.js';
import {
  serviceKey,
  type PolicyTarget,
  type ServiceKey,
  type TrafficPolicy,
} from '../../model/index.js';
import type { NamingSettings } from './destination.js';
import type { Finding } from './finding.js';
import { matchesLabels } from './labels.js';
import { resolveFailover } from './placement.js';
import type { PolicyTables } from './tables.js';
import type { SidecarZone } from './workload.js';

const maxNamed = 3;

/** Callers whose zone is not known, where a policy speaks of zones; Services that cannot stand in. */
export function findPlacementProblems(
  form: TrafficPolicy,
  read: Read,
  tables: PolicyTables,
  settings: NamingSettings,
): readonly Finding[] {
  return [
    ...findLostCallers(form, read, tables),
    ...findIdleFailovers(form, read, tables, settings),
  ];
}

function findLostCallers(
  form: TrafficPolicy,
  read: Read,
  tables: Pick<PolicyTables, 'zoneless'>,
): readonly Finding[] {
  const locality = form.outbound?.loadBalancing?.locality;
  if (locality === undefined || locality === 'None') return [];
  const lost = [...read.all(tables.zoneless).values()]
    .filter((sidecar) => isCaller(form, sidecar))
    .map(({ pod }) => pod)
    .sort();
  if (lost.length === 0) return [];
  const named = lost.slice(0, maxNamed).join(', ');
  const others = lost.length > maxNamed ? ` and ${String(lost.length - maxNamed)} more` : '';
  return [
    {
      object: `TrafficPolicy ${form.key}`,
      code: 'ZoneUnknown',
      severity: 'warning',
      field: 'spec.outbound.loadBalancing.locality',
      value: locality,
      message: `the zone of the Node is not known of ${named}${others}`,
    },
  ];
}

/** One finding for each reference: of the ports that are called, the first that it cannot stand in for. */
function findIdleFailovers(
  form: TrafficPolicy,
  read: Read,
  tables: PolicyTables,
  settings: NamingSettings,
): readonly Finding[] {
  const failover = form.outbound?.loadBalancing?.failover ?? [];
  const called = form.targets.flatMap((target) => calledPorts(target, read, tables));
  return failover.flatMap((ref, index): Finding[] => {
    const key = serviceKey(ref.namespace, ref.name);
    // Of a wide target's calls it depends on the Service; that one is there does not.
    const ports = called.length === 0 ? [{ service: undefined, port: ref.port ?? 0 }] : called;
    const problems = ports.flatMap(({ service, port }) => {
      if (service === key)
        return [`Service ${key} is what is called, and cannot stand in for itself`];
      const { problem } = resolveFailover(ref, port, read, tables, settings);
      const isCertain = service !== undefined || ref.port !== undefined;
      const isAbsent = read.get(tables.services, key) === undefined;
      return problem === undefined || (!isCertain && !isAbsent) ? [] : [problem];
    });
    return problems.slice(0, 1).map((message) => ({
      object: `TrafficPolicy ${form.key}`,
      code: 'FailoverNotFound',
      severity: 'warning',
      field: `spec.outbound.loadBalancing.failover[${String(index)}]`,
      value: key,
      message,
    }));
  });
}

function calledPorts(
  target: PolicyTarget,
  read: Read,
  tables: Pick<PolicyTables, 'services'>,
): readonly { readonly service: ServiceKey; readonly port: number }[] {
  if (target.kind !== 'Service') return [];
  const service = serviceKey(target.namespace, target.name);
  return (read.get(tables.services, service)?.ports ?? [])
    .filter(({ transport }) => transport === 'TCP')
    .filter(({ name }) => target.sectionName === undefined || target.sectionName === name)
    .map(({ port }) => ({ service, port }));
}

/** Whether some target of the policy means calls by this sidecar. */
function isCaller({ targets, namespace }: TrafficPolicy, sidecar: SidecarZone): boolean {
  return targets.some((target) => {
    switch (target.kind) {
      case 'Mesh':
      case 'Namespace':
        return true;
      case 'Service':
        return target.namespace === namespace || sidecar.namespace === namespace;
      case 'Pod':
        return sidecar.namespace === namespace && matchesLabels(target.selector, sidecar.labels);
    }
  });
}
