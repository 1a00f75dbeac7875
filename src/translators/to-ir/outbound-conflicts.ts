/** What a policy says of `outbound` in vain, since an older one says otherwise of the same calls. */
import type { Read } from '../../graph/index.js';
import { serviceKey, type PolicyTarget, type TrafficPolicy } from '../../model/index.js';
import { byAge, targetKey } from './attach.js';
import type { Finding } from './finding.js';
import { matchesLabels, matchesNamespace } from './labels.js';
import { outboundLeaves } from './outbound-settings.js';
import { findConflicts } from './settings.js';
import type { PolicyTables } from './tables.js';

type Tables = Pick<PolicyTables, 'outboundByTarget' | 'namespaces' | 'workloadsByNamespace'>;

/** The fields in which an older policy of the same namespace, whose target is as near, is in force. */
export function findOutboundConflicts(
  form: TrafficPolicy,
  read: Read,
  tables: Tables,
): readonly Finding[] {
  const { outbound, namespace } = form;
  if (outbound === undefined) return [];
  const own = { policy: form, rank: 0, says: outbound };
  return form.targets.flatMap((target) => {
    const older = read
      .find(tables.outboundByTarget, targetKey(target, namespace))
      .filter(
        (other) =>
          other.namespace === namespace &&
          byAge(other, form) < 0 &&
          other.targets.some((theirs) => meet(target, theirs, namespace, read, tables)),
      )
      .map((policy) => ({ policy, rank: 0, says: policy.says }));
    return findConflicts([...older, own], outboundLeaves).filter(
      ({ object }) => object === `TrafficPolicy ${form.key}`,
    );
  });
}

/** Whether two targets of a namespace's policies are equally near to some call. */
function meet(
  one: PolicyTarget,
  other: PolicyTarget,
  namespace: string,
  read: Read,
  tables: Tables,
): boolean {
  if (one.kind === 'Mesh') return other.kind === 'Mesh';
  if (one.kind === 'Service' && other.kind === 'Service') {
    const [key, otherKey] = [one, other].map((target) => serviceKey(target.namespace, target.name));
    return key === otherKey && one.sectionName === other.sectionName;
  }
  if (one.kind === 'Pod' && other.kind === 'Pod') {
    return read
      .find(tables.workloadsByNamespace, namespace)
      .some((pod) => [one, other].every(({ selector }) => matchesLabels(selector, pod.labels)));
  }
  if (one.kind !== 'Namespace' || other.kind !== 'Namespace') return false;
  const { selector } = one;
  const { selector: otherSelector } = other;
  if (selector === undefined || otherSelector === undefined) return selector === otherSelector;
  return [...read.all(tables.namespaces).values()].some(
    (row) => matchesNamespace(selector, row) && matchesNamespace(otherSelector, row),
  );
}
