/** Which sidecars a policy reaches: as servers by what it says of them, as callers by its routes and `outbound`. */
import type { PodKey, PolicyKey, TrafficPolicy } from '../model/index.js';
import type { Mesh } from './mesh.js';
import { isPermitted, namespaceRank } from './to-ir/attach.js';
import type { CalledHost } from './to-ir/called-host.js';

/** Whom a policy reaches, told by namespace where that is enough, so that it stays small. */
export interface PolicyReach {
  /** Pods for which it speaks by themselves: as servers, or as callers whom it selects; sorted. */
  readonly pods: readonly PodKey[];
  readonly callers: NamespaceSet;
}

/** Some namespaces, or all but some; sorted. */
export interface NamespaceSet {
  readonly isAllBut: boolean;
  readonly namespaces: readonly string[];
}

/** Whether the set has `namespace`. */
export function hasNamespace(set: NamespaceSet, namespace: string): boolean {
  return set.namespaces.includes(namespace) !== set.isAllBut;
}

/** Whom the policy reaches; nobody, when it does not exist. Costs what it reaches as a server. */
export function policyReach(mesh: Mesh, policy: PolicyKey, rootNamespace: string): PolicyReach {
  const { graph, sources } = mesh;
  const form = graph.get(sources.policies, policy);
  if (form === undefined) return { pods: [], callers: namespaceSet(false, []) };
  const hosts = graph.find(mesh.hostsByPolicy, policy);
  const governed =
    form.kind === 'TrafficPolicy' ? governedBy(mesh, form, rootNamespace) : namespaceSet(false, []);
  const told = form.kind === 'TrafficPolicy' ? toldBy(form, rootNamespace) : [];
  const servers = graph
    .find(mesh.serversByPolicy, policy)
    .flatMap(({ ir }) => graph.get(mesh.tables.sidecars, ir.pod)?.pod ?? []);
  const callers = graph.find(mesh.callersByPolicy, policy).map(({ pod }) => pod);
  return {
    pods: [...new Set([...servers, ...callers])].sort(),
    callers: [...hosts.map(callersOf), ...told].reduce(union, governed),
  };
}

/** The policies that have a pod among the `pods` of their reach; sorted. */
export function policiesOf({ graph, servers, tables }: Mesh, pod: PodKey): readonly PolicyKey[] {
  const asServer = graph.get(servers, pod)?.policies ?? [];
  const asCaller = graph.get(tables.callers, pod)?.caller.policies.map(({ key }) => key) ?? [];
  return [...new Set([...asServer, ...asCaller])].sort();
}

/** The pods of a reach, sorted; walks over all sidecars. */
export function reachedPods(mesh: Mesh, { pods, callers }: PolicyReach): readonly PodKey[] {
  const reached = new Set<PodKey>(pods);
  for (const { pod, namespace } of mesh.graph.rows(mesh.tables.sidecars).values()) {
    if (hasNamespace(callers, namespace)) reached.add(pod);
  }
  return [...reached].sort();
}

function callersOf(host: CalledHost): NamespaceSet {
  return host.consumer === undefined
    ? namespaceSet(true, host.others)
    : namespaceSet(false, [host.consumer]);
}

function namespaceSet(isAllBut: boolean, namespaces: readonly string[]): NamespaceSet {
  return { isAllBut, namespaces: [...new Set(namespaces)].sort() };
}

function union(a: NamespaceSet, b: NamespaceSet): NamespaceSet {
  if (!a.isAllBut && !b.isAllBut) return namespaceSet(false, [...a.namespaces, ...b.namespaces]);
  const [wide, other] = a.isAllBut ? [a, b] : [b, a];
  return namespaceSet(
    true,
    wide.namespaces.filter((namespace) => !hasNamespace(other, namespace)),
  );
}

/** Namespaces whose calls it speaks of in `outbound`, by the targets that are called. */
function toldBy(
  { outbound, mode, targets, namespace }: TrafficPolicy,
  rootNamespace: string,
): readonly NamespaceSet[] {
  if (outbound === undefined || mode !== 'Enforce') return [];
  return targets.flatMap((target): NamespaceSet[] => {
    if (!isPermitted(target, namespace, rootNamespace) || target.kind === 'Pod') return [];
    const isConsumers = target.kind === 'Service' && target.namespace !== namespace;
    return [isConsumers ? namespaceSet(false, [namespace]) : namespaceSet(true, [])];
  });
}

/** Namespaces whose egress it decides. */
function governedBy(
  { graph, sources }: Mesh,
  form: TrafficPolicy,
  rootNamespace: string,
): NamespaceSet {
  if (form.egress === undefined || form.mode !== 'Enforce') return namespaceSet(false, []);
  const targets = form.targets.filter((target) =>
    isPermitted(target, form.namespace, rootNamespace),
  );
  if (targets.some(({ kind }) => kind === 'Mesh')) return namespaceSet(true, []);
  const selected = targets.some(
    (target) => target.kind === 'Namespace' && target.selector !== undefined,
  )
    ? [...graph.rows(sources.namespaces).values()]
        .filter((row) => namespaceRank({ ...form, targets }, row.name, row) !== undefined)
        .map(({ name }) => name)
    : [];
  const isOwn = namespaceRank({ ...form, targets }, form.namespace, undefined) !== undefined;
  return namespaceSet(false, isOwn ? [form.namespace, ...selected] : selected);
}
