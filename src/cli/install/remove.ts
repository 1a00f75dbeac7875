/** Takes an installation out of a cluster: first what could stop pods from starting, last what others stand in. */
import { KubernetesApiError } from '../../sources/index.js';
import { annotations, injectedNames } from '../../webhook/index.js';
import { at, listAt, textAt } from '../cluster/objects.js';
import { CommandError } from '../io.js';
import { read, until, type Session } from './apply.js';
import { cniNamespace, cniSelector } from './cni.js';
import { controllerSelector, type Manifest } from './manifest.js';
import { systemNamespace } from './options.js';
import { pathOf, titleOf } from './paths.js';

/** What is to be kept. */
export interface RemoveOptions {
  /** Removes the TrafficPolicies too, and with them their kind. */
  readonly hasPolicies: boolean;
  /** Keeps the certificate authority, and the namespace in which it lies. */
  readonly keepsAuthority: boolean;
}

/** Where removal begins and ends; what is not named stands in between, in the reverse order of applying. */
const first: readonly string[] = ['MutatingWebhookConfiguration', 'Deployment', 'DaemonSet'];
const last: readonly string[] = ['CustomResourceDefinition', 'Namespace'];

/** Objects in the order in which they are removed. */
export function removalOrder(manifests: readonly Manifest[]): readonly Manifest[] {
  const rank = ({ kind }: Manifest): number => {
    if (first.includes(kind)) return first.indexOf(kind) - first.length;
    return last.includes(kind) ? last.indexOf(kind) + 1 : 0;
  };
  return [...manifests].reverse().sort((a, b) => rank(a) - rank(b));
}

/** The objects that go, in order. */
export function removedObjects(
  manifests: readonly Manifest[],
  options: RemoveOptions,
): readonly Manifest[] {
  return removalOrder(manifests).filter(({ kind, metadata }) => {
    if (kind === 'Namespace' && metadata.name === systemNamespace) return !options.keepsAuthority;
    return kind !== 'CustomResourceDefinition' || options.hasPolicies;
  });
}

async function remove(session: Session, path: string): Promise<boolean> {
  try {
    await session.client.send({
      ...{ method: 'DELETE', path, signal: session.signal },
      query: { propagationPolicy: 'Background' },
    });
    return true;
  } catch (error) {
    if (error instanceof KubernetesApiError && error.status === 404) return false;
    throw error;
  }
}

/** Of a whole cluster's pods the metadata is enough. */
const metadataOnly = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
const systemPath = `/api/v1/namespaces/${systemNamespace}`;

async function list(
  session: Session,
  path: string,
  query: Readonly<Record<string, string>>,
): Promise<readonly unknown[]> {
  try {
    const answer = await session.client.send({
      ...{ method: 'GET', path, query, accept: metadataOnly, signal: session.signal },
    });
    return listAt(answer, 'items');
  } catch (error) {
    if (error instanceof KubernetesApiError && error.status === 404) return [];
    throw error;
  }
}

/** How many TrafficPolicies there are, in how many namespaces. */
export async function countPolicies(
  session: Session,
): Promise<{ readonly policies: number; readonly namespaces: number }> {
  const found = await list(session, '/apis/skerry.dev/v1alpha1/trafficpolicies', {});
  const namespaces = new Set(found.map((policy) => textAt(policy, 'metadata', 'namespace')));
  return { policies: found.length, namespaces: namespaces.size };
}

/** Namespaces with pods that have sidecars, with how many. */
export async function podsWithSidecars(session: Session): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const pod of await list(session, '/api/v1/pods', {})) {
    if (at(pod, 'metadata', 'annotations', annotations.injection) === undefined) continue;
    const namespace = textAt(pod, 'metadata', 'namespace') ?? '';
    counts.set(namespace, (counts.get(namespace) ?? 0) + 1);
  }
  return counts;
}

/** Each takes the plugin off its node, and asks the API server whether it should: its rights go later. */
async function untilPluginsEnded(session: Session): Promise<void> {
  await until(session, async () => {
    const path = `/api/v1/namespaces/${cniNamespace}/pods`;
    const pods = await list(session, path, { labelSelector: cniSelector });
    const names = pods.map((pod) => textAt(pod, 'metadata', 'name') ?? '');
    if (names.length === 0) return undefined;
    const some = names.slice(0, 3).join(', ');
    return `${String(names.length)} nodes still have the CNI plugin (${some}${names.length > 3 ? ', …' : ''})`;
  });
}

/** The control plane would publish them again: it must have ended before. */
async function removeRoots(session: Session): Promise<void> {
  const labelSelector = controllerSelector;
  await until(session, async () => {
    const pods = await list(session, `${systemPath}/pods`, { labelSelector });
    return pods.length === 0 ? undefined : `${String(pods.length)} replicas are ending`;
  });
  const roots = await list(session, '/api/v1/configmaps', {
    fieldSelector: `metadata.name=${injectedNames.rootConfigMap}`,
    labelSelector: 'app.kubernetes.io/managed-by=skerry',
  });
  for (const root of roots) {
    const namespace = textAt(root, 'metadata', 'namespace') ?? '';
    await remove(
      session,
      `/api/v1/namespaces/${namespace}/configmaps/${injectedNames.rootConfigMap}`,
    );
  }
  session.say(`removed the trust bundle from ${String(roots.length)} namespaces`);
}

/** What the control plane itself has written beside its authority; the namespace would take it along. */
async function removeTraces(session: Session): Promise<void> {
  await remove(
    session,
    `/apis/coordination.k8s.io/v1/namespaces/${systemNamespace}/leases/skerry-leader`,
  );
  for (const labelSelector of ['skerry.dev/verdicts=true', 'skerry.dev/replica=true']) {
    for (const found of await list(session, `${systemPath}/configmaps`, { labelSelector })) {
      await remove(session, `${systemPath}/configmaps/${textAt(found, 'metadata', 'name') ?? ''}`);
    }
  }
}

/** Removes everything that `manifests` and the control plane have made; rejects when the user must decide first. */
export async function removeAll(
  session: Session,
  manifests: readonly Manifest[],
  options: RemoveOptions,
): Promise<void> {
  const { policies, namespaces } = await countPolicies(session);
  if (policies > 0 && !options.hasPolicies) {
    throw new CommandError(
      `there are ${String(policies)} TrafficPolicies in ${String(namespaces)} namespaces, which would stay without effect: delete them, or say --delete-policies`,
    );
  }
  const all = removedObjects(manifests, { ...options, hasPolicies: true });
  for (const manifest of all) {
    // All that runs has been told to end: what it has left behind goes before what it stands in.
    if (manifest.kind === 'CustomResourceDefinition') {
      await removeRoots(session);
      await removeTraces(session);
    }
    const wasThere = await remove(session, pathOf(manifest));
    session.say(`${wasThere ? 'removed' : 'found no'} ${titleOf(manifest)}`);
    if (manifest.kind === 'DaemonSet') await untilPluginsEnded(session);
  }
  for (const manifest of all.filter(({ kind }) => last.includes(kind))) {
    await until(session, async () =>
      (await read(session, pathOf(manifest))) === undefined
        ? undefined
        : `${titleOf(manifest)} is being removed`,
    );
  }
}
