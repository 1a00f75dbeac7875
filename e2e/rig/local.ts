/** The rig where there is no Docker: one node on this machine, in namespaces of its own. */
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, waitFor } from '../../demo/rig/index.js';
import { writeKubeconfig } from '../../src/sources/kubernetes/testing/certificates.js';
import {
  apiPort,
  apiServer,
  apiUrl,
  cniConfig,
  containerd,
  containerdConfig,
  controllerManager,
  coreDns,
  corefile,
  dnsReadyUrl,
  etcd,
  kubeProxy,
  kubeconfigOf,
  kubelet,
  kubeletConfig,
  kubernetesServiceIp,
  nodeIp,
  nodeName,
  pauseImage,
  scheduler,
  systemObjects,
} from './local/components.js';
import {
  killDaemon,
  runInside,
  startDaemon,
  untilServing,
  type RunningNode,
} from './local/daemons.js';
import { writePauseArchive } from './local/image-archive.js';
import { insideArgv, makeControlGroups, nodePid, removeNode, startNode } from './local/node.js';
import { clusterPaths, type ClusterPaths } from './local/paths.js';
import { kubeconfigUsers, makePki } from './local/pki.js';
import { findProgram } from './local/programs.js';
import { startRelay } from './local/relay.js';
import type { CommandInput, ContainerName, Rig } from './rig.js';

/** Debian's place of the plugins, and the one that others use. */
const cniPluginFolders = ['/usr/lib/cni', '/opt/cni/bin'];

/** The cluster `name` on this machine. Nothing happens before a method is called. */
export function openLocalRig(name: string): Rig {
  const paths = clusterPaths(name);
  const ctr = ['ctr', '--address', paths.containerdSocket, '--namespace', 'k8s.io'];
  const running = async (): Promise<RunningNode> => {
    const pid = await nodePid(paths);
    if (pid === undefined) throw new Error(`the cluster ${name} does not run`);
    return { paths, pid };
  };
  const kubectl = async (args: readonly string[], input: CommandInput = {}): Promise<string> => {
    const argv = [findProgram('kubectl'), '--kubeconfig', paths.kubeconfig, ...args];
    return (await runCommand(argv, input.input)).stdout;
  };
  const ready = (): Promise<string> => kubectl(['get', '--raw', '/readyz', '--request-timeout=3s']);
  const onNode: Rig['onNode'] = async (argv, input = {}) =>
    await runInside(await running(), argv, input.input);
  const loadImage = async (archive: string): Promise<void> => {
    await onNode([...ctr, 'images', 'import', '--no-unpack=false', archive]);
  };
  const down = async (): Promise<void> => {
    await removeNode(paths);
    await rm(paths.directory, { recursive: true, force: true });
  };
  const containerId = (target: ContainerName): Promise<string> =>
    findContainer((argv) => onNode([...ctr, ...argv]), target);
  return {
    kind: 'local',
    name,
    ...{ kubeconfig: paths.kubeconfig, logs: paths.logs },
    ...{ cniConfDir: paths.cniConfDir, cniBinDir: paths.cniBinDir },
    kubectl,
    onNode,
    loadImage,
    down,
    up: async () => {
      await down();
      try {
        await bringUp(paths, { kubectl, loadImage, ready });
      } catch (error) {
        const logs = await keepLogs(paths);
        await down();
        throw new Error(`the cluster ${name} did not come up; its logs are in ${logs}`, {
          cause: error,
        });
      }
    },
    isUp: async () => {
      if ((await nodePid(paths)) === undefined) return false;
      return await ready().then(
        () => true,
        () => false,
      );
    },
    stopApiServer: async () => {
      await killDaemon(await running(), 'kube-apiserver');
    },
    startApiServer: async () => {
      const node = await running();
      startDaemon(node, apiServer(paths));
      await untilServing(node, 'kube-apiserver', ready);
    },
    directArgv: async (target, argv) => {
      const { pid } = await running();
      const id = await containerId(target);
      const exec = ['tasks', 'exec', '--exec-id', `x${process.hrtime.bigint()}`, id];
      return [...insideArgv(pid), ...ctr, ...exec, ...argv];
    },
    signalContainer: async (target, signal) => {
      await onNode([...ctr, 'tasks', 'kill', '--signal', signal, await containerId(target)]);
    },
  };
}

/** The id of the container that runs: one that was restarted has older ones beside it. */
async function findContainer(
  ctr: (argv: readonly string[]) => Promise<string>,
  { namespace, pod, container }: ContainerName,
): Promise<string> {
  const label = (name: string, value: string): string => `labels."io.kubernetes.${name}"==${value}`;
  const filter = [
    label('pod.namespace', namespace),
    label('pod.name', pod),
    label('container.name', container),
  ].join(',');
  const known = (await ctr(['containers', 'ls', '-q', filter])).split('\n');
  const tasks = (await ctr(['tasks', 'ls'])).split('\n').map((line) => line.trim().split(/\s+/));
  const found = tasks.find(([id = '', , status]) => known.includes(id) && status === 'RUNNING');
  if (found?.[0] === undefined) throw new Error(`${namespace}/${pod} runs no ${container}`);
  return found[0];
}

interface Tools {
  readonly kubectl: Rig['kubectl'];
  readonly loadImage: (archive: string) => Promise<void>;
  readonly ready: () => Promise<string>;
}

async function writeFiles(paths: ClusterPaths): Promise<void> {
  const at = (file: string): string => join(paths.directory, file);
  await writeFile(at('containerd.toml'), containerdConfig(paths));
  await writeFile(at('kubelet.yaml'), JSON.stringify(kubeletConfig(paths)));
  await writeFile(at('Corefile'), corefile(paths));
  await writeFile(join(paths.cniConfDir, '10-pods.conflist'), JSON.stringify(cniConfig()));
  const plugins = cniPluginFolders.find((folder) => existsSync(join(folder, 'bridge')));
  if (plugins === undefined) throw new Error('no CNI plugins: install containernetworking-plugins');
  for (const plugin of readdirSync(plugins)) {
    await symlink(join(plugins, plugin), join(paths.cniBinDir, plugin));
  }
  await makePki({ folder: paths.pki, nodeName, nodeIp, serviceIp: kubernetesServiceIp });
  for (const user of kubeconfigUsers) {
    await writeKubeconfig(kubeconfigOf(paths, user), {
      folder: paths.pki,
      name: user,
      url: apiUrl,
    });
  }
}

async function bringUp(paths: ClusterPaths, tools: Tools): Promise<void> {
  await mkdir(paths.directory, { mode: 0o755 });
  for (const folder of [paths.pki, paths.logs, paths.pids, paths.cniConfDir, paths.cniBinDir]) {
    await mkdir(folder);
  }
  await writeFiles(paths);
  await startNode(paths, { name: nodeName, ip: nodeIp });
  const pid = await nodePid(paths);
  if (pid === undefined) throw new Error('the node has ended');
  const node: RunningNode = { paths, pid };
  startDaemon(node, etcd(paths));
  startDaemon(node, apiServer(paths));
  startDaemon(node, containerd(paths));
  const port = await startRelay(pid, { ip: nodeIp, port: apiPort });
  const outside = { folder: paths.pki, name: 'admin', url: `https://127.0.0.1:${port}` };
  await writeKubeconfig(paths.kubeconfig, outside);
  await loadPause(node, tools.loadImage);
  await untilServing(node, 'kube-apiserver', tools.ready);
  await startNodeParts(node, tools);
}

async function loadPause(
  node: RunningNode,
  loadImage: (archive: string) => Promise<void>,
): Promise<void> {
  const { paths } = node;
  const address = ['--address', paths.containerdSocket];
  await untilServing(node, 'containerd', () => runInside(node, ['ctr', ...address, 'version']));
  const archive = join(paths.directory, 'pause.tar');
  await writePauseArchive(archive, pauseImage);
  await loadImage(archive);
}

async function startNodeParts(node: RunningNode, { kubectl }: Tools): Promise<void> {
  const { paths } = node;
  const objects = { apiVersion: 'v1', kind: 'List', items: systemObjects() };
  await kubectl(['create', '-f', '-'], { input: JSON.stringify(objects) });
  await makeControlGroups(paths);
  for (const part of [controllerManager, scheduler, kubelet, kubeProxy, coreDns]) {
    startDaemon(node, part(paths));
  }
  await untilServing(node, 'kubelet', async () => {
    await kubectl(['wait', 'node', nodeName, '--for=condition=Ready', '--timeout=2s']);
  });
  await untilServing(node, 'coredns', () => runInside(node, ['curl', '-sf', dnsReadyUrl]));
  // Pods are refused before their namespace has a service account.
  await waitFor({ what: 'the default service account', timeoutMs: 60_000, intervalMs: 200 }, () =>
    kubectl(['get', 'serviceaccount', 'default', '--namespace', 'default']),
  );
}

/** Moves the logs out of the folder that is about to be removed. */
async function keepLogs(paths: ClusterPaths): Promise<string> {
  const kept = `${paths.directory}-failed`;
  await rm(kept, { recursive: true, force: true });
  if (!existsSync(paths.logs)) return `${kept} (none)`;
  await mkdir(kept);
  for (const name of readdirSync(paths.logs)) {
    await writeFile(join(kept, name), await readFile(join(paths.logs, name)));
  }
  return kept;
}
