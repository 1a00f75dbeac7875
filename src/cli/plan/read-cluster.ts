/** The mesh as a cluster has it, for a command that looks and goes: it lists, and does nothing else. */
import {
  collectionNames,
  KubernetesApiError,
  offeredCollections,
  readKubernetes,
  type CollectionName,
  type KubernetesClient,
  type OfferedCollection,
  type SourceBatch,
  type UnreadKind,
} from '../../sources/index.js';
import { listAt, textAt } from '../cluster/objects.js';
import { CommandError } from '../io.js';
import { installedOptions, type InstalledOptions } from '../install/installed.js';
import { deploymentPath } from '../install/paths.js';

/** What a cluster has, as far as this account may see it. */
export interface ClusterState {
  readonly batch: SourceBatch;
  /** What its control plane was told; undefined: that could not be read. */
  readonly installed?: Pick<InstalledOptions, 'trustDomain' | 'meshCidrs'>;
  /** The ConfigMaps and Secrets that the control plane follows, all of them where that is not known. */
  readonly follows: readonly OfferedCollection[];
  /** What is not known, and what that means for the plan. */
  readonly omissions: readonly string[];
}

/** Without these nothing can be said of any call. */
const needed: readonly CollectionName[] = ['namespaces', 'services', 'pods', 'slices', 'policies'];

const withoutIt: Partial<Record<CollectionName, string>> = {
  nodes: 'zones are taken as unknown',
  keySets: 'tokens are judged as if no ConfigMap had keys, but for those of the directory',
  caBundles: 'findings about outbound.tls.caBundle may be wrong',
  credentials: 'findings about outbound.tls.credential may be wrong',
};

/** Reads everything once; a {@link CommandError} where what it needs may not be read, all of it named. */
export async function readCluster(
  client: KubernetesClient,
  rootNamespace: string,
  timeoutMs: number,
): Promise<ClusterState> {
  const signal = AbortSignal.timeout(timeoutMs);
  const told = await readDeployment(client, signal);
  const follows = told.kind === 'read' ? followsOf(told.deployment) : offeredCollections;
  const plain = collectionNames.filter((one) => !offeredCollections.some((name) => name === one));
  const collections = [...plain, ...follows];
  const { batch, unread } = await readKubernetes(client, { rootNamespace, collections, signal });
  const missing = unread.filter(({ collection }) => needed.includes(collection));
  if (missing.length > 0) throw refusalOf(missing);
  return {
    batch,
    follows,
    ...(told.kind === 'read' && { installed: installedOptions(told.deployment) }),
    omissions: [
      ...(told.kind === 'read'
        ? []
        : [
            `what the control plane was told could not be read (${told.why}): taken are the flags of this command, and that it follows labelled ConfigMaps and Secrets`,
          ]),
      ...unread.map(
        ({ collection, kind, error }) =>
          `${kind} could not be read (${reasonOf(error)}): ${withoutIt[collection] ?? 'they are left out'}`,
      ),
    ],
  };
}

type Told =
  | { readonly kind: 'read'; readonly deployment: unknown }
  | { readonly kind: 'unread'; readonly why: string };

/** Who may not see the control plane may plan all the same. */
async function readDeployment(client: KubernetesClient, signal: AbortSignal): Promise<Told> {
  try {
    const request = { method: 'GET', path: deploymentPath, signal } as const;
    return { kind: 'read', deployment: await client.send(request) };
  } catch (error) {
    const isRefused = error instanceof KubernetesApiError && [403, 404].includes(error.status);
    if (isRefused) return { kind: 'unread', why: reasonOf(error) };
    throw error;
  }
}

const followFlags: Readonly<Record<OfferedCollection, readonly [flag: string, variable: string]>> =
  {
    keySets: ['--key-sets', 'SKERRY_KEY_SETS'],
    caBundles: ['--ca-bundles', 'SKERRY_CA_BUNDLES'],
    credentials: ['--credentials', 'SKERRY_CREDENTIALS'],
  };

/** The flag that makes a control plane follow a kind. */
export function followFlag(collection: OfferedCollection): string {
  return followFlags[collection][0];
}

function followsOf(deployment: unknown): readonly OfferedCollection[] {
  const [container] = listAt(deployment, 'spec', 'template', 'spec', 'containers');
  const args = listAt(container, 'args').map(String);
  const variables = listAt(container, 'env').map((one) => textAt(one, 'name'));
  return offeredCollections.filter((collection) => {
    const [flag, variable] = followFlags[collection];
    return args.includes(flag) || variables.includes(variable);
  });
}

function reasonOf({ status, reason }: KubernetesApiError): string {
  return `${String(status)} ${reason}`;
}

function refusalOf(missing: readonly UnreadKind[]): CommandError {
  const isAbsent = missing.find(
    ({ collection, error }) => collection === 'policies' && error.status === 404,
  );
  if (isAbsent !== undefined) {
    return new CommandError(
      `the cluster has no ${isAbsent.kind}: install Skerry first (skerry install), or compare two directories (--against)`,
    );
  }
  const kinds = missing.map(({ kind, error }) => `${kind} (${reasonOf(error)})`).join(', ');
  return new CommandError(
    `the cluster cannot be read: you may not list ${kinds} in all namespaces; the ClusterRole view, bound by a ClusterRoleBinding, is enough`,
  );
}
