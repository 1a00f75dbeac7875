/** What stands on a node for the plugin: its runtime, its launcher, its entry in the network's configuration. */
import { lstat, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, ok, type Result } from '../lib/index.js';
import { readAttachment } from './attachments.js';
import { chainInto, unchainFrom } from './chain.js';
import { describeFailure, isAbsent, listFolder, removeDrafts, writeWhole } from './files.js';
import { launcherText } from './launcher.js';
import { pluginType } from './protocol.js';
import { installRuntime, removeOtherRuntimes, type Runtime } from './runtime.js';

/** Where things lie; the paths are those of the node, and the same for this process. */
export interface NodeFolders {
  /** Where the container runtime looks for plugins. */
  readonly binaries: string;
  /** Where it looks for the network's configuration. */
  readonly configurations: string;
  /** Where libcni writes down what each pod has: `/var/lib/cni/results`. */
  readonly results: string;
  /** Where it mounts network namespaces: `/var/run/netns`. */
  readonly namespaces: string;
  /** The node's `/bin`, wherever this process sees it. */
  readonly shells: string;
}

/** The folder of runtimes: beside the launcher, where programs may be run and nobody looks for plugins. */
export function runtimesFolder({ binaries }: NodeFolders): string {
  return join(binaries, `.${pluginType}`);
}

function launcherPath({ binaries }: NodeFolders): string {
  return join(binaries, pluginType);
}

/** What had to be put right, one short word each; empty where all was as it should be. */
export type Repairs = readonly ('runtime' | 'launcher' | 'configuration')[];

/**
 * Puts right what is not: first what the plugin runs, then the plugin, and only then the configuration
 * that calls it, so that a runtime never meets a plugin that cannot answer. The error says what is
 * missing, in one line.
 */
export async function putInPlace(
  folders: NodeFolders,
  runtime: Runtime,
): Promise<Result<Repairs, string>> {
  const repairs: Repairs[number][] = [];
  try {
    if (await installRuntime(runtime, runtimesFolder(folders))) repairs.push('runtime');
    if (await installLauncher(folders, runtime)) repairs.push('launcher');
  } catch (error) {
    return fail(describeFailure(folders.binaries, error));
  }
  const missing = await missingShell(folders);
  if (missing !== undefined) return fail(missing);
  const chained = await chainInto(folders.configurations).catch((error: unknown) =>
    fail(describeFailure(folders.configurations, error)),
  );
  if (!chained.ok) return chained;
  if (chained.value.hasChanged) repairs.push('configuration');
  return ok(repairs);
}

/** Without a shell the launcher cannot start, and no pod of the node, ours or not, would get a network. */
async function missingShell({ shells }: NodeFolders): Promise<string | undefined> {
  try {
    // What it leads to may be out of this process's sight.
    await lstat(join(shells, 'sh'));
    return undefined;
  } catch (error) {
    return isAbsent(error)
      ? 'this node has no /bin/sh, which the plugin needs: its pods cannot be redirected by it'
      : describeFailure(shells, error);
  }
}

async function installLauncher(folders: NodeFolders, runtime: Runtime): Promise<boolean> {
  const path = launcherPath(folders);
  const wanted = { text: launcherText(join(runtimesFolder(folders), runtime.digest)), mode: 0o755 };
  try {
    const stat = await lstat(path);
    const isSame = stat.isFile() && (stat.mode & 0o777) === wanted.mode;
    if (isSame && (await readFile(path, 'utf8')) === wanted.text) return false;
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
  return writeWhole(path, wanted);
}

/** Removes what earlier versions and killed processes have left. A plugin that still runs may be of the version before. */
export async function tidy(folders: NodeFolders, runtime: Runtime): Promise<void> {
  await removeOtherRuntimes(runtimesFolder(folders), runtime);
  for (const folder of [folders.binaries, folders.configurations, runtimesFolder(folders)]) {
    await removeDrafts(folder);
  }
}

/**
 * Takes everything away: first the entry, so that the container runtime stops calling the plugin, and
 * after `settle`, in which it takes notice, what it called. What is returned had to stay, one line each.
 */
export async function takeAway(
  folders: NodeFolders,
  settle: () => Promise<void>,
): Promise<readonly string[]> {
  const problems = [...(await unchainFrom(folders.configurations))];
  // A configuration that calls a plugin that is not there stops every pod of the node.
  if (problems.length > 0) return problems;
  await settle();
  const held = await attachmentsOfCrio(folders);
  if (held > 0) {
    problems.push(
      `${launcherPath(folders)} stays: CRI-O calls it when ${String(held)} pods end that it was chained for; remove it afterwards`,
    );
  } else {
    await rm(launcherPath(folders), { force: true });
  }
  await rm(runtimesFolder(folders), { recursive: true, force: true });
  await removeDrafts(folders.binaries);
  await removeDrafts(folders.configurations);
  return problems;
}

/**
 * CRI-O removes a pod by the configuration of the day when it came (ocicni, `loadNetworkFromCache`);
 * containerd, whose namespaces are called `cni-…`, by that of today.
 */
async function attachmentsOfCrio({ results, namespaces }: NodeFolders): Promise<number> {
  if ((await listFolder(namespaces)).some((name) => name.startsWith('cni-'))) return 0;
  let count = 0;
  for (const name of await listFolder(results)) {
    if ((await readAttachment(results, name))?.wasChained === true) count += 1;
  }
  return count;
}
