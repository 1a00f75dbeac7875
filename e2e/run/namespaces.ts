/** Leaves the cluster as a suite has found it. */
import { systemNamespace } from '../kit/cluster/cluster.js';
import type { Rig } from '../rig/index.js';

/** The names of all namespaces. */
export async function namespacesOf(rig: Rig): Promise<readonly string[]> {
  const text = await rig.kubectl(['get', 'namespaces', '-o', 'name']);
  return text.split('\n').filter((line) => line !== '');
}

/** Removes the namespaces that were not there `before`, and policies of the whole mesh. */
export async function removeTraces(rig: Rig, before: readonly string[]): Promise<void> {
  const found = await namespacesOf(rig);
  const own = found.filter(
    (name) => !before.includes(name) && !name.endsWith(`/${systemNamespace}`),
  );
  if (own.length > 0) await rig.kubectl(['delete', ...own, '--timeout=180s']);
  await rig
    .kubectl(['delete', 'trafficpolicies.skerry.dev', '--all', '-n', systemNamespace])
    // Where Skerry was uninstalled there is no such kind.
    .catch(() => undefined);
}
