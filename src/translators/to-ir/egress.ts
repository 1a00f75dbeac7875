/** Egress: what policies say for a namespace or the mesh. */
import type { Read } from '../../graph/index.js';
import type { EgressIr } from '../../ir/index.js';
import { egressFeature, type EgressWish } from '../policies/egress/feature.js';
import { namespaceRank, namespaceTargetKeys } from './attach.js';
import type { EgressTables, PolicyTables } from './tables.js';

/** What egress policies say for a namespace, or for the mesh (`''`). */
export function toEgressWish(
  namespace: string,
  fallback: EgressWish,
  read: Read,
  tables: Pick<PolicyTables, 'egressByTarget' | 'namespaces'>,
): EgressWish {
  const row = namespace === '' ? undefined : read.get(tables.namespaces, namespace);
  const policies = namespaceTargetKeys(namespace).flatMap((key) =>
    read.find(tables.egressByTarget, key),
  );
  const candidates = policies.flatMap((policy) => {
    const rank = namespaceRank(policy, namespace, row);
    return rank === undefined ? [] : [{ policy, rank }];
  });
  return egressFeature.decide(candidates, fallback);
}

/** What egress says for the sidecars of a namespace. */
export function egressOf(
  namespace: string,
  read: Read,
  tables: Pick<EgressTables, 'meshEgress' | 'namespaceEgress'>,
): EgressIr {
  return (
    read.get(tables.namespaceEgress, namespace) ??
    read.get(tables.meshEgress, 'mesh') ??
    egressFeature.conclude({})
  );
}
