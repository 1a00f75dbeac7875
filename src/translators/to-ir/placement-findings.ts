/** What a policy says of the order of endpoints in vain. */
import type { Read } from '../../graph/index.js';
import type { TrafficPolicy } from '../../model/index.js';
import type { Finding } from './finding.js';
import { matchesLabels } from './labels.js';
import type { PolicyTables } from './tables.js';
import type { SidecarZone } from './workload.js';

const maxNamed = 3;

/** Callers whose zone is not known, where a policy speaks of zones. */
export function findPlacementProblems(
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
