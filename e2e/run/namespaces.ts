/** Leaves the cluster as a suite has found it. */
import { systemNamespace } from '../kit/cluster/cluster.js';
import type { Rig } from '../rig/index.js';

/** Namespaces that no suite has made; kind brings the last one. */
const kept = /^(default|kube-.+|local-path-storage)$/;

/** Removes the namespaces of suites, and policies of the whole mesh. Resolves when they are gone. */
export async function removeTraces(rig: Rig): Promise<void> {
  const text = await rig.kubectl(['get', 'namespaces', '-o', 'jsonpath={.items[*].metadata.name}']);
  const own = text.split(' ').filter((name) => !kept.test(name) && name !== systemNamespace);
  if (own.length > 0) await rig.kubectl(['delete', 'namespace', ...own, '--timeout=180s']);
  await rig
    .kubectl(['delete', 'trafficpolicies.skerry.dev', '--all', '-n', systemNamespace])
    // Where Skerry was uninstalled there is no such kind.
    .catch(() => undefined);
}
