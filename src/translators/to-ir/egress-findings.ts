/** What a policy says of egress in vain. */
import type { Read } from '../../graph/index.js';
import type { EgressIr } from '../../ir/index.js';
import type { PolicyTarget, TrafficPolicy } from '../../model/index.js';
import { byAge, isPermitted, targetKey, targetText } from './attach.js';
import { egressOf } from './egress.js';
import type { Finding } from './finding.js';
import { matchesNamespace } from './labels.js';
import type { EgressTables } from './tables.js';

/** What must be known to judge it. */
export interface EgressFindingSettings {
  readonly rootNamespace: string;
  readonly meshCidrs: readonly string[];
}

/** Fields that an older policy of the same target sets otherwise, and lists that let nothing pass. */
export function findEgressProblems(
  form: TrafficPolicy,
  read: Read,
  tables: EgressTables,
  { rootNamespace, meshCidrs }: EgressFindingSettings,
): readonly Finding[] {
  const { egress } = form;
  if (egress === undefined) return [];
  const object = `TrafficPolicy ${form.key}`;
  const targets = form.targets.filter((target) =>
    isPermitted(target, form.namespace, rootNamespace),
  );
  const field = 'spec.outbound.egress.allow';
  const decisions = targets.flatMap((target) => decisionsFor(target, form.namespace, read, tables));
  const isUnused = decisions.length > 0 && decisions.every(({ mode }) => mode === 'AllowAny');
  const hosts = (egress.allow ?? []).flatMap((entry) => (entry.kind === 'host' ? entry.host : []));
  return [
    ...targets.flatMap((target) => findConflicts(form, target, read, tables)),
    ...(egress.allow !== undefined && isUnused
      ? [
          {
            object,
            code: 'EgressAllowUnused' as const,
            severity: 'warning' as const,
            field,
            message: 'the egress mode in force is AllowAny, under which every call passes',
          },
        ]
      : []),
    ...(hosts.length > 0 && !isUnused && meshCidrs.length === 0
      ? [
          {
            object,
            code: 'EgressHostUnreachable' as const,
            severity: 'error' as const,
            field,
            value: hosts.join(', '),
            message:
              'it is not known which addresses lie outside the mesh, so that no call can be told by its host',
          },
        ]
      : []),
  ];
}

function decisionsFor(
  target: PolicyTarget,
  namespace: string,
  read: Read,
  tables: EgressTables,
): readonly EgressIr[] {
  if (target.kind === 'Mesh') {
    const decision = read.get(tables.meshEgress, 'mesh');
    return decision === undefined ? [] : [decision];
  }
  if (target.kind !== 'Namespace') return [];
  const { selector } = target;
  if (selector === undefined) return [egressOf(namespace, read, tables)];
  return [...read.all(tables.namespaces).values()]
    .filter((row) => matchesNamespace(selector, row))
    .map(({ name }) => egressOf(name, read, tables));
}

/** Mode and list are decided each by itself: an older object with the same target has them. */
function findConflicts(
  form: TrafficPolicy,
  target: PolicyTarget,
  read: Read,
  tables: EgressTables,
): readonly Finding[] {
  const older = read
    .find(tables.egressByTarget, targetKey(target, form.namespace))
    .filter(
      (other) =>
        other.namespace === form.namespace &&
        byAge(other, form) < 0 &&
        other.targets.some((theirs) => targetText(theirs) === targetText(target)),
    )
    .sort(byAge);
  return (['mode', 'allow'] as const).flatMap((leaf): Finding[] => {
    const own = form.egress?.[leaf];
    const first = older.find((other) => other[leaf] !== undefined);
    if (own === undefined || first === undefined) return [];
    if (JSON.stringify(first[leaf]) === JSON.stringify(own)) return [];
    return [
      {
        object: `TrafficPolicy ${form.key}`,
        code: 'Conflicted',
        severity: 'error',
        field: `spec.outbound.egress.${leaf}`,
        message: `TrafficPolicy ${first.key} is older and sets it for the same target`,
      },
    ];
  });
}
