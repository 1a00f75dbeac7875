/** The node of a local cluster: namespaces of its own, held by one process; when that is killed, all that ran inside is gone. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitFor } from '../../../demo/rig/index.js';
import type { ClusterPaths } from './paths.js';

/** Folders whose place is fixed in the programs that write to them, and what the node has there instead. */
const ownFolders: Readonly<Record<string, string>> = {
  'var-log': '/var/log',
  'var-cni': '/var/lib/cni',
  'var-kubelet': '/var/lib/kubelet',
};

/**
 * What the node's first process does. It says at once who it is, so that it can be ended whatever
 * becomes of the one that started it. Its own mounts, so that nothing that kubelet and containerd
 * mount is seen outside, or outlives it; its own /run, where containerd, iptables and `ip netns`
 * keep what is theirs; and then it only reaps.
 */
const firstProcess = `
set -e
since() { shift 21; echo "$1"; }
read -r stat < /proc/self/stat
echo "\${stat%% *} $(since $stat)" > "$1/owner.new"
mv "$1/owner.new" "$1/owner"
mount --make-rprivate /
mount --make-rshared /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
${Object.entries(ownFolders)
  .map(([own, place]) => `mkdir -p ${place}\nmount --bind "$1/${own}" ${place}`)
  .join('\n')}
hostname "$2"
ip link set lo up
ip link add node0 type veth peer name node0p
ip addr add "$3/32" dev node0
ip link set node0 up
ip link set node0p up
ip route add default dev node0
sysctl -qw net.ipv4.ip_forward=1
sysctl -qw net.bridge.bridge-nf-call-iptables=1 2>/dev/null || true
touch "$1/node.ready"
while :; do sleep 86400 & wait; done
`;

/** Makes the namespaces. The way out of them leads nowhere: a veth pair whose ends are both inside. */
export async function startNode(
  paths: ClusterPaths,
  { name, ip }: { readonly name: string; readonly ip: string },
): Promise<void> {
  for (const folder of Object.keys(ownFolders)) await mkdir(join(paths.directory, folder));
  const namespaces = ['--pid', '--fork', '--mount', '--net', '--uts', '--ipc', '--kill-child'];
  const shell = ['sh', '-c', `{ ${firstProcess} } >"$1/node.log" 2>&1`];
  const child = spawn('unshare', [...namespaces, ...shell, 'sh', paths.directory, name, ip], {
    detached: true,
    stdio: 'ignore',
    cwd: '/',
  });
  child.unref();
  const state = await waitFor({ what: 'the node’s namespaces', timeoutMs: 10_000 }, () => {
    if (child.exitCode !== null || child.signalCode !== null) return 'ended';
    return existsSync(join(paths.directory, 'node.ready')) ? 'ready' : undefined;
  });
  if (state === 'ended') {
    throw new Error(`no namespaces: ${await readFile(join(paths.directory, 'node.log'), 'utf8')}`);
  }
}

/** When a process was started, in ticks since boot (proc(5), field 22); undefined when it is gone. */
async function startTime(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is a name in brackets that may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** The pid of the node's first process; undefined when it does not run. */
export async function nodePid(paths: ClusterPaths): Promise<number | undefined> {
  if (!existsSync(paths.owner)) return undefined;
  const [pid = '', since] = (await readFile(paths.owner, 'utf8')).trim().split(' ');
  return since !== undefined && (await startTime(Number(pid))) === since ? Number(pid) : undefined;
}

/** The beginning of a command that runs in the node; it keeps the caller's stdio. */
export function insideArgv(pid: number): readonly string[] {
  return ['nsenter', `--target=${pid}`, '--mount', '--net', '--pid', '--uts', '--ipc', '--'];
}

/** Kills the node with all that runs in it, and removes its control groups. */
export async function removeNode(paths: ClusterPaths): Promise<void> {
  const pid = await nodePid(paths);
  if (pid !== undefined) {
    process.kill(pid, 'SIGKILL');
    await waitFor({ what: 'the node’s end', timeoutMs: 30_000 }, async () =>
      (await startTime(pid)) === undefined ? true : undefined,
    );
  }
  for (const group of await controlGroups(paths)) await removeGroup(group);
}

/** The folders of the node's control group: one in each hierarchy of version 1, one in version 2. */
async function controlGroups(paths: ClusterPaths): Promise<readonly string[]> {
  const top = '/sys/fs/cgroup';
  if (existsSync(join(top, 'cgroup.controllers'))) return [join(top, paths.controlGroup)];
  const names = await readdir(top);
  return names.map((name) => join(top, name, paths.controlGroup));
}

/** Makes the group that kubelet puts its pods below, in every hierarchy. */
export async function makeControlGroups(paths: ClusterPaths): Promise<void> {
  for (const group of await controlGroups(paths)) {
    await mkdir(group, { recursive: true });
    // Version 1: a cpuset group takes no process before it has processors and memory.
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      const path = join(group, file);
      if (!existsSync(path) || existsSync(join(group, 'cgroup.controllers'))) continue;
      await writeFile(path, await readFile(join(group, '..', file), 'utf8'));
    }
  }
}

async function removeGroup(group: string): Promise<void> {
  if (!existsSync(group)) return;
  const entries = await readdir(group, { withFileTypes: true });
  for (const entry of entries) {
    if (entry.isDirectory()) await removeGroup(join(group, entry.name));
  }
  // Busy until the kernel has done with the last process that was in it.
  await waitFor({ what: `the removal of ${group}`, timeoutMs: 10_000 }, async () => {
    await rmdir(group);
    return true;
  });
}
