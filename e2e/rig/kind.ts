/** The rig on kind: nodes are containers of Docker or Podman (https://kind.sigs.k8s.io). */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findCheckout, runCommand, waitFor } from '../../demo/rig/index.js';
import { findProgram } from './local/programs.js';
import type { CommandInput, ContainerName, Rig } from './rig.js';

/** Docker where it works, else Podman; undefined where neither does. */
export async function findEngine(): Promise<'docker' | 'podman' | undefined> {
  for (const engine of ['docker', 'podman'] as const) {
    // The client alone is no sign of an engine behind it.
    const works = await runCommand([engine, 'info']).then(
      () => true,
      () => false,
    );
    if (works) return engine;
  }
  return undefined;
}

/** Takes every node of the cluster from this image, where kind-config.yaml's cannot be had: a mirror's, one's own. */
const imageVariable = 'SKERRY_KIND_IMAGE';

const staticPod = '/etc/kubernetes/manifests/kube-apiserver.yaml';
const parked = '/etc/kubernetes/kube-apiserver.yaml';
/**
 * Asked to end it goes on serving for half a minute, so it is killed: until the kubelet has seen that
 * its manifest is gone, too. Prints its pod while there is one.
 */
const killApiServer = `for id in $(crictl ps -q --label io.kubernetes.container.name=kube-apiserver); do
  ctr -n k8s.io tasks kill --signal SIGKILL "$id"
done
crictl pods -q --state ready --label component=kube-apiserver`;

/**
 * The cluster `mesh-<name>` of kind. Nothing happens before a method is called. It is not called after
 * Skerry, as its nodes and their pods have its name, and a suite looks for traces of Skerry.
 */
export function openKindRig(name: string): Rig {
  const cluster = `mesh-${name}`;
  const kubeconfig = join(tmpdir(), `${cluster}.kubeconfig`);
  const kind = async (args: readonly string[]): Promise<string> => {
    // kind takes Docker unless it is told otherwise.
    const isPodman = (await findEngine()) === 'podman';
    const told = isPodman ? ['env', 'KIND_EXPERIMENTAL_PROVIDER=podman'] : [];
    return (await runCommand([...told, 'kind', ...args, '--name', cluster])).stdout;
  };
  const engine = async (): Promise<string> => (await findEngine()) ?? 'docker';
  const controlPlane = { node: `${cluster}-control-plane` };
  const kubectl = async (args: readonly string[], input: CommandInput = {}): Promise<string> =>
    (await runCommand([findProgram('kubectl'), '--kubeconfig', kubeconfig, ...args], input.input))
      .stdout;
  const ready = (): Promise<boolean> =>
    kubectl(['get', '--raw', '/readyz', '--request-timeout=3s']).then(
      () => true,
      () => false,
    );
  const onNode: Rig['onNode'] = async (argv, { input, node = `${cluster}-worker` } = {}) =>
    (await runCommand([await engine(), 'exec', '-i', node, ...argv], input)).stdout;
  const place = (target: ContainerName): Promise<Place> =>
    findContainer({ onNode, clusterName: cluster }, target);
  const down = async (): Promise<void> => {
    await kind(['delete', 'cluster', '--kubeconfig', kubeconfig]);
    await rm(kubeconfig, { force: true });
  };
  return {
    kind: 'kind',
    name,
    ...{ kubeconfig, logs: undefined },
    ...{ cniConfDir: '/etc/cni/net.d', cniBinDir: '/opt/cni/bin' },
    ...{ kubectl, onNode, down },
    up: async () => {
      await down();
      const config = join(findCheckout().root, 'kind-config.yaml');
      const file = ['--config', config, '--kubeconfig', kubeconfig];
      const own = process.env[imageVariable] ?? '';
      const image = own === '' ? [] : ['--image', own];
      await kind(['create', 'cluster', ...file, ...image]);
      await untilReady(kubectl);
    },
    isUp: async () => existsSync(kubeconfig) && (await ready()),
    loadImage: async (archive) => {
      await kind(['load', 'image-archive', archive]);
    },
    stopApiServer: async () => {
      await onNode(['mv', staticPod, parked], controlPlane);
      await waitFor(
        { what: 'the end of kube-apiserver', timeoutMs: 60_000, intervalMs: 200 },
        async () => {
          const left = await onNode(['sh', '-c', killApiServer], controlPlane);
          return left.trim() === '' && !(await ready()) ? true : undefined;
        },
      );
    },
    startApiServer: async () => {
      await onNode(['mv', parked, staticPod], controlPlane);
      const what = { what: 'kube-apiserver', timeoutMs: 120_000, intervalMs: 500 };
      await waitFor(what, async () => ((await ready()) ? true : undefined));
    },
    directArgv: async (target, argv) => {
      const { node, id } = await place(target);
      return [await engine(), 'exec', '-i', node, 'crictl', 'exec', '-i', id, ...argv];
    },
    signalContainer: async (target, signal) => {
      const { node, id } = await place(target);
      await onNode(['ctr', '-n', 'k8s.io', 'tasks', 'kill', '--signal', signal, id], { node });
    },
  };
}

/** kind's own `--wait` is for the control plane alone, and where it is in vain kind calls that a success. */
async function untilReady(kubectl: Rig['kubectl']): Promise<void> {
  const within = '--timeout=180s';
  await kubectl(['wait', 'node', '--all', '--for=condition=Ready', within]);
  await kubectl(['rollout', 'status', 'deployment/coredns', '--namespace', 'kube-system', within]);
}

interface Place {
  readonly node: string;
  readonly id: string;
}

interface Cluster {
  readonly onNode: Rig['onNode'];
  readonly clusterName: string;
}

/** Asks the nodes one after another: the API server, which would know, may be down. */
async function findContainer(
  { onNode, clusterName }: Cluster,
  { namespace, pod, container }: ContainerName,
): Promise<Place> {
  const label = (key: string, value: string): readonly string[] => [
    '--label',
    `io.kubernetes.${key}=${value}`,
  ];
  const filter = [
    ...label('pod.namespace', namespace),
    ...label('pod.name', pod),
    ...label('container.name', container),
  ];
  for (const role of ['worker', 'control-plane']) {
    const node = `${clusterName}-${role}`;
    const found = await onNode(['crictl', 'ps', '-q', ...filter], { node });
    const id = found.trim().split('\n')[0] ?? '';
    if (id !== '') return { node, id };
  }
  throw new Error(`${namespace}/${pod} runs no ${container}`);
}
