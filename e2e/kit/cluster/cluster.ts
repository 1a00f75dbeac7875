/** The cluster that the runner has brought up, with Skerry in it, as suites see it. */
import { runCommand, waitFor } from '../../../demo/rig/index.js';
import { controllerLabels } from '../../../src/cli/install/manifest.js';
import { systemNamespace } from '../../../src/cli/install/options.js';
import { controllerName } from '../../../src/cli/install/rbac.js';
import { webhookConfigurationName } from '../../../src/webhook/index.js';
import { openRig, type Rig } from '../../rig/index.js';

export { systemNamespace };

/** The Deployment of the control plane, as kubectl takes it. */
export const controllerDeployment = `deployment/${controllerName}`;

/** The rig that `npm run e2e` has brought up for this run. Throws where there is none. */
export function openClusterRig(): Rig {
  const { SKERRY_E2E_RIG: kind, SKERRY_E2E_CLUSTER: name } = process.env;
  if ((kind !== 'local' && kind !== 'kind') || name === undefined) {
    throw new Error('no cluster for this suite: run it by npm run e2e -- <suite>');
  }
  return openRig(kind, name);
}

/** An object as the API server gives it; what is not there is undefined. */
export interface KubernetesObject {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec?: unknown;
  readonly status?: unknown;
}

/** A container of a pod's spec, as far as suites look at it. */
export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  readonly restartPolicy?: string;
  readonly resources?: {
    readonly requests?: Readonly<Record<string, string>>;
    readonly limits?: Readonly<Record<string, string>>;
  };
}

/** A pod, as far as suites look at it. */
export interface PodObject extends KubernetesObject {
  readonly spec: {
    readonly containers: readonly ContainerSpec[];
    readonly initContainers?: readonly ContainerSpec[];
    readonly hostNetwork?: boolean;
    readonly nodeName?: string;
  };
  readonly status: {
    readonly phase: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}

/** How a container of a pod is. */
export interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
}

/** The names of all containers of a pod, in the order in which they start. */
export function containerNames({ spec }: PodObject): readonly string[] {
  return [...(spec.initContainers ?? []), ...spec.containers].map(({ name }) => name);
}

/** Pods of a namespace, or of all namespaces, that have these labels and are not on their way out. */
export async function podsOf(
  rig: Rig,
  namespace: string | undefined,
  labels = '',
): Promise<readonly PodObject[]> {
  const where = namespace === undefined ? ['--all-namespaces'] : ['--namespace', namespace];
  const text = await rig.kubectl(['get', 'pods', ...where, '-l', labels, '-o', 'json']);
  const { items } = JSON.parse(text) as { readonly items: readonly PodObject[] };
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** The replicas of the control plane. */
export function controllerPods(rig: Rig): Promise<readonly PodObject[]> {
  const labels = Object.entries(controllerLabels).map(([name, value]) => `${name}=${value}`);
  return podsOf(rig, systemNamespace, labels.join(','));
}

/** What the command line prints, told of this cluster by KUBECONFIG. Throws CommandError where it fails. */
export async function skerry(args: readonly string[], input = ''): Promise<string> {
  const { SKERRY_E2E_PROGRAM: program } = process.env;
  if (program === undefined) throw new Error('SKERRY_E2E_PROGRAM does not name the command line');
  return (await runCommand([process.execPath, program, ...args], input)).stdout;
}

/** Installs Skerry as a user does, and waits until all replicas are ready and pods can be injected. */
export async function installSkerry(rig: Rig): Promise<void> {
  await rig.kubectl(['apply', '-f', '-'], { input: await skerry(['install']) });
  await untilInstalled(rig);
}

/** Replaces all replicas, one after another. */
export async function restartSkerry(rig: Rig): Promise<void> {
  await rig.kubectl(['rollout', 'restart', controllerDeployment, '-n', systemNamespace]);
  await untilInstalled(rig);
}

/** Waits until every replica is ready and the API server trusts the webhook. */
export async function untilInstalled(rig: Rig, timeoutMs = 120_000): Promise<void> {
  const timeout = `--timeout=${Math.ceil(timeoutMs / 1000)}s`;
  await rig.kubectl([
    ...['rollout', 'status', controllerDeployment, '-n', systemNamespace, timeout],
  ]);
  await waitFor({ what: 'the webhook’s certificate', timeoutMs, intervalMs: 200 }, async () => {
    const path = 'jsonpath={.webhooks[0].clientConfig.caBundle}';
    const found = await rig.kubectl([
      'get',
      'mutatingwebhookconfiguration',
      webhookConfigurationName,
      '-o',
      path,
    ]);
    return found === '' ? undefined : true;
  });
}
