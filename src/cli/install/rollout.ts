/** Waits until an installation works, and says what it waits for. */
import { at, conditionOf, listAt, numberAt, textAt, timeAt } from '../cluster/objects.js';
import { read, until, type Session } from './apply.js';
import { cniNamespace, cniSelector } from './cni.js';
import { controllerSelector } from './manifest.js';
import { systemNamespace, type InstallOptions } from './options.js';
import { daemonSetPath, deploymentPath, webhookPath } from './paths.js';

/** What a rollout still lacks; undefined: it is complete. */
export function rolloutLacks(deployment: unknown): string | undefined {
  if (deployment === undefined) return 'there is no Deployment of the control plane';
  const wanted = numberAt(deployment, 'spec', 'replicas') ?? 1;
  const count = (field: string): number => numberAt(deployment, 'status', field) ?? 0;
  const isSeen =
    count('observedGeneration') >= (numberAt(deployment, 'metadata', 'generation') ?? 0);
  const updated = count('updatedReplicas');
  if (!isSeen || updated < wanted) {
    return `${String(isSeen ? updated : 0)} of ${String(wanted)} replicas of the control plane are of this version`;
  }
  const ready = Math.min(count('readyReplicas'), count('availableReplicas'));
  if (ready < wanted) {
    return `${String(ready)} of ${String(wanted)} replicas of the control plane are ready`;
  }
  const old = count('replicas') - wanted;
  return old > 0 ? `${String(old)} replicas of the former version are still there` : undefined;
}

/** What the CNI plugin still lacks; undefined: it is on every node, or there is none. */
export function pluginLacks(daemonSet: unknown): string | undefined {
  if (daemonSet === undefined) return undefined;
  const count = (field: string): number => numberAt(daemonSet, 'status', field) ?? 0;
  const isSeen =
    count('observedGeneration') >= (numberAt(daemonSet, 'metadata', 'generation') ?? 0);
  if (!isSeen) return 'the CNI plugin is on no node yet';
  const wanted = count('desiredNumberScheduled');
  const ready = Math.min(count('updatedNumberScheduled'), count('numberReady'));
  return ready >= wanted
    ? undefined
    : `the CNI plugin is ready on ${String(ready)} of ${String(wanted)} nodes`;
}

/** What a container says of why it does not run; undefined: nothing is wrong that it knows of. */
export function containerTrouble(status: unknown): string | undefined {
  const waiting = at(status, 'state', 'waiting');
  const reason = textAt(waiting, 'reason');
  if (reason === undefined || reason === 'ContainerCreating' || reason === 'PodInitializing') {
    return undefined;
  }
  // Of a container that comes up again and again, what it said when it ended tells more.
  const ended = at(status, 'lastState', 'terminated');
  const code = numberAt(ended, 'exitCode');
  const lastWords = textAt(ended, 'message')?.trim().split('\n').at(-1);
  const says =
    code === undefined
      ? textAt(waiting, 'message')
      : `it ended with ${String(code)}${lastWords === undefined ? '' : `: ${lastWords}`}`;
  return says === undefined ? reason : `${reason}: ${says}`;
}

/** Why a pod does not come up, as far as Kubernetes knows; undefined: it may still. */
export function podTrouble(pod: unknown): string | undefined {
  const scheduled = conditionOf(pod, 'PodScheduled');
  const found =
    textAt(scheduled, 'status') === 'False'
      ? `${textAt(scheduled, 'reason') ?? 'Unschedulable'}: ${textAt(scheduled, 'message') ?? ''}`
      : listAt(pod, 'status', 'containerStatuses').map(containerTrouble).find(Boolean);
  return found === undefined ? undefined : `${textAt(pod, 'metadata', 'name') ?? ''}: ${found}`;
}

/** Why no pod is made, by the Deployment; else why one does not come up. */
async function troubleOf(session: Session, deployment: unknown): Promise<string | undefined> {
  const failure = conditionOf(deployment, 'ReplicaFailure');
  if (textAt(failure, 'status') === 'True') return textAt(failure, 'message');
  return podsTrouble(session, systemNamespace, controllerSelector);
}

async function podsTrouble(
  session: Session,
  namespace: string,
  labelSelector: string,
): Promise<string | undefined> {
  const pods = await podsOf(session, namespace, labelSelector);
  return pods.map(podTrouble).find(Boolean);
}

async function podsOf(
  session: Session,
  namespace: string,
  labelSelector: string,
): Promise<readonly unknown[]> {
  const pods = await session.client.send({
    ...{ method: 'GET', path: `/api/v1/namespaces/${namespace}/pods` },
    ...{ query: { labelSelector }, signal: session.signal },
  });
  return listAt(pods, 'items');
}

/** Whether a pod has been told to end and may still answer; one whose time is over is on a node that is gone. */
export function isEnding(pod: unknown, nowMs: number): boolean {
  const deadline = timeAt(pod, 'metadata', 'deletionTimestamp');
  return deadline !== undefined && deadline > nowMs;
}

/** The API server may still hold a connection to one, which injects as it was told. */
async function untilFormerEnded(session: Session): Promise<void> {
  await until(session, async () => {
    const pods = await podsOf(session, systemNamespace, controllerSelector);
    const ending = pods.filter((pod) => isEnding(pod, Date.now())).length;
    return ending === 0 ? undefined : `${String(ending)} replicas of the former version are ending`;
  });
}

/** Its pods say by themselves why they are not ready, where they run; elsewhere Kubernetes does. */
async function untilPluginReady(session: Session): Promise<void> {
  await until(session, async () => {
    const lacks = pluginLacks(await read(session, daemonSetPath));
    if (lacks === undefined) return undefined;
    const trouble = await podsTrouble(session, cniNamespace, cniSelector);
    return `${lacks} (${trouble ?? `kubectl logs -n ${cniNamespace} -l ${cniSelector} tells more`})`;
  });
}

/** Pods that came with the plugin need it until they are replaced, so nobody but the user takes it away. */
export async function tellOfFormerPlugin(session: Session, options: InstallOptions): Promise<void> {
  if (options.redirection === 'cni' || (await read(session, daemonSetPath)) === undefined) return;
  session.say(
    `the CNI plugin stays on the nodes for pods that came with it; when they are replaced: kubectl delete namespace ${cniNamespace}`,
  );
}

/** Waits until nodes have the CNI plugin, if there is one, all replicas are of this version and ready, and the API server can check the webhook. */
export async function untilRolledOut(session: Session): Promise<void> {
  await untilPluginReady(session);
  await until(session, async () => {
    const deployment = await read(session, deploymentPath);
    const lacks = rolloutLacks(deployment);
    if (lacks === undefined) return undefined;
    const trouble = await troubleOf(session, deployment);
    return trouble === undefined ? lacks : `${lacks} (${trouble})`;
  });
  await untilFormerEnded(session);
  await until(session, async () => {
    const hooks = listAt(await read(session, webhookPath), 'webhooks');
    const isTrusted = hooks.every((hook) => at(hook, 'clientConfig', 'caBundle') !== undefined);
    return hooks.length > 0 && isTrusted
      ? undefined
      : 'the control plane has not yet published its webhook’s certificate';
  });
}
