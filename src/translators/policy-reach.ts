/** Which sidecars a policy reaches: as servers by what it says of them, as callers by its routes and egress. */
import type { PodKey, PolicyKey, TrafficPolicy } from '../model/index.js';
import type { Mesh } from './mesh.js';
import { isPermitted, namespaceRank } from './to-ir/attach.js';
import type { CalledHost } from './to-ir/called-host.js';
import type { Sidecar } from './to-ir/workload.js';

/** The pods, sorted; walks over all sidecars. Empty for a policy that does not exist. */
export function policyReach(
  mesh: Mesh,
  policy: PolicyKey,
  rootNamespace: string,
): readonly PodKey[] {
  const { graph, sources, tables } = mesh;
  const form = graph.get(sources.policies, policy);
  if (form === undefined) return [];
  const hosts = [...graph.rows(mesh.hosts).values()].filter((host) => host.policy.key === policy);
  const reached: PodKey[] = [];
  for (const sidecar of graph.rows(tables.sidecars).values()) {
    const isServer = graph.get(mesh.servers, sidecar.pod)?.policies.includes(policy) === true;
    const isCaller = hosts.some((host) => isCallerOf(host, sidecar));
    const isGoverned =
      form.kind === 'TrafficPolicy' && isUnderEgress(mesh, form, sidecar, rootNamespace);
    if (isServer || isCaller || isGoverned) reached.push(sidecar.pod);
  }
  return reached;
}

function isCallerOf(host: CalledHost, { namespace }: Sidecar): boolean {
  return host.consumer === undefined
    ? !host.others.includes(namespace)
    : host.consumer === namespace;
}

function isUnderEgress(
  { graph, sources }: Mesh,
  form: TrafficPolicy,
  { namespace }: Sidecar,
  rootNamespace: string,
): boolean {
  if (form.egressMode === undefined || form.mode !== 'Enforce') return false;
  const targets = form.targets.filter((target) =>
    isPermitted(target, form.namespace, rootNamespace),
  );
  const row = graph.get(sources.namespaces, namespace);
  return namespaceRank({ ...form, targets }, namespace, row) !== undefined;
}
