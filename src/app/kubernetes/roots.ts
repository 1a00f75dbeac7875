/**
 * Keeps the ConfigMap `skerry-root` with the trust bundle wherever pods have sidecars: their volumes
 * name it, and they do not start without it. Mutable state: who needs it, and what there is.
 */
import { z } from 'zod';
import type { Clock, Logger } from '../../lib/index.js';
import type { Pod } from '../../model/index.js';
import {
  createReflector,
  KubernetesApiError,
  type KubernetesClient,
  type ReflectedChange,
  type SourceBatch,
} from '../../sources/index.js';
import { injectedNames, injectLabel } from '../../webhook/index.js';
import { createRepairs, type RepairOutcome } from './repairs.js';

/** What the keeper needs. */
export interface RootsKeeperOptions {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly rootNamespace: string;
  /** The trust bundle as it is now, PEM. */
  readonly bundle: () => string;
  /** Whether this replica leads, asked right before each write. */
  readonly mayWrite: () => boolean;
  /** Numbers in [0, 1). */
  readonly random?: () => number;
}

/** The keeper. */
export interface RootsKeeper {
  /** Namespaces and pods; every replica listens, so that any can lead. */
  onBatch(batch: SourceBatch): void;
  /** Begins; resolves when it knows what there is. Rejects when stopped before. */
  start(): Promise<void>;
  /** Looks at everything again: call it when this replica begins to lead, or the bundle has changed. */
  reconcile(): void;
  stop(): Promise<void>;
  /** Namespaces that lack a right one. */
  missing(): readonly string[];
}

/** What counts of a ConfigMap. */
interface Present {
  readonly pem: string;
  readonly isOurs: boolean;
}

const file = 'root.pem';
const managedBy = { 'app.kubernetes.io/managed-by': 'skerry' } as const;
const fieldManager = 'skerry-controller';
/** Whatever events have been lost is found within this. */
const resyncMs = 30_000;
/** A namespace that is enrolled again soon after keeps its own. */
const graceMs = 60_000;

const configMapSchema = z.object({
  metadata: z.object({ labels: z.record(z.string(), z.string()).nullish() }),
  data: z.record(z.string(), z.string()).nullish(),
});

function readConfigMap(object: unknown): Present {
  const { data } = configMapSchema.safeParse(object);
  const label = data?.metadata.labels?.['app.kubernetes.io/managed-by'];
  return { pem: data?.data?.[file] ?? '', isOurs: label === 'skerry' };
}

function statusOf(error: unknown): number | undefined {
  return error instanceof KubernetesApiError ? error.status : undefined;
}

/** Who needs the ConfigMap: enrolled namespaces, and those where a pod has a sidecar all the same. */
interface Need {
  take(batch: SourceBatch): readonly string[];
  has(namespace: string): boolean;
  all(): readonly string[];
}

function createNeed(rootNamespace: string): Need {
  const enrolled = new Set<string>([rootNamespace]);
  const podNamespaces = new Map<string, string>();
  const counts = new Map<string, number>();
  const count = (namespace: string, by: number): void => {
    const next = (counts.get(namespace) ?? 0) + by;
    if (next === 0) counts.delete(namespace);
    else counts.set(namespace, next);
  };
  const takePod = (key: string, pod: Pod | undefined): string | undefined => {
    const former = podNamespaces.get(key);
    const namespace =
      pod !== undefined && pod.isInMesh && !pod.isFinished ? pod.namespace : undefined;
    if (namespace === former) return undefined;
    if (former !== undefined) count(former, -1);
    if (namespace === undefined) podNamespaces.delete(key);
    else {
      podNamespaces.set(key, namespace);
      count(namespace, 1);
    }
    return namespace ?? former;
  };
  return {
    take(batch): readonly string[] {
      const touched = new Set<string>();
      for (const change of batch.changes) {
        if (change.collection === 'namespaces') {
          const isEnrolled = change.value?.labels[injectLabel] === 'enabled';
          if (isEnrolled || change.key === rootNamespace) enrolled.add(change.key);
          else enrolled.delete(change.key);
          touched.add(change.key);
        }
        if (change.collection === 'pods') {
          const namespace = takePod(change.key, change.value);
          if (namespace !== undefined) touched.add(namespace);
        }
      }
      return [...touched];
    },
    has: (namespace) => enrolled.has(namespace) || counts.has(namespace),
    all: () => [...new Set([...enrolled, ...counts.keys()])],
  };
}

/** A namespace that is gone, or is being emptied (NamespaceLifecycle admission). */
function isGoing(error: unknown): boolean {
  if (!(error instanceof KubernetesApiError)) return false;
  const isTerminating = error.status === 403 && error.message.includes('being terminated');
  return error.status === 404 || isTerminating;
}

/** Writing one ConfigMap. */
function createWriter(client: KubernetesClient): {
  /** False: the namespace is going away, and takes nothing any more. */
  write(namespace: string, pem: string, signal: AbortSignal): Promise<boolean>;
  remove(namespace: string, signal: AbortSignal): Promise<void>;
} {
  const pathIn = (namespace: string): string =>
    `/api/v1/namespaces/${namespace}/configmaps/${injectedNames.rootConfigMap}`;
  const remove = async (namespace: string, signal: AbortSignal): Promise<void> => {
    try {
      await client.send({ method: 'DELETE', path: pathIn(namespace), signal });
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
    }
  };
  // Applying creates and mends alike, and leaves alone what others have added.
  const apply = async (namespace: string, pem: string, signal: AbortSignal): Promise<void> => {
    const metadata = { name: injectedNames.rootConfigMap, namespace, labels: managedBy };
    await client.send({
      ...{ method: 'PATCH', path: pathIn(namespace), signal },
      query: { fieldManager, force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body: { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { [file]: pem } },
    });
  };
  return {
    remove,
    async write(namespace, pem, signal): Promise<boolean> {
      try {
        await apply(namespace, pem, signal);
      } catch (error) {
        if (isGoing(error)) return false;
        // `immutable: true` cannot be taken back: https://kubernetes.io/docs/concepts/configuration/configmap/
        if (statusOf(error) !== 422) throw error;
        await remove(namespace, signal);
        await apply(namespace, pem, signal);
      }
      return true;
    },
  };
}

/** A keeper that knows of nobody yet. */
export function createRootsKeeper(options: RootsKeeperOptions): RootsKeeper {
  const { client, clock, logger, bundle, mayWrite } = options;
  const random = options.random ?? Math.random;
  const need = createNeed(options.rootNamespace);
  const writer = createWriter(client);
  const present = new Map<string, Present>();
  const unneededSinceMs = new Map<string, number>();
  /** Namespaces of which the watch has told since their last write began. */
  const heardOf = new Set<string>();
  let isSynced = false;
  let cancelResync = (): void => undefined;

  const isRight = (namespace: string): boolean => present.get(namespace)?.pem === bundle();

  /** What has nobody left is removed after a while, but only what is ours. */
  const dispose = async (namespace: string, signal: AbortSignal): Promise<RepairOutcome> => {
    if (present.get(namespace)?.isOurs !== true) {
      unneededSinceMs.delete(namespace);
      return 'right';
    }
    const sinceMs = unneededSinceMs.get(namespace) ?? clock.now();
    unneededSinceMs.set(namespace, sinceMs);
    if (clock.now() - sinceMs < graceMs) return 'right';
    await writer.remove(namespace, signal);
    unneededSinceMs.delete(namespace);
    logger.info('a trust bundle that nobody needs any more was removed', { namespace });
    return 'written';
  };
  const repair = async (namespace: string, signal: AbortSignal): Promise<RepairOutcome> => {
    if (!need.has(namespace)) return dispose(namespace, signal);
    unneededSinceMs.delete(namespace);
    if (isRight(namespace)) return 'right';
    const isMending = present.has(namespace);
    const pem = bundle();
    heardOf.delete(namespace);
    if (!(await writer.write(namespace, pem, signal))) return 'right';
    // Before the watch says so, so that nothing is written twice; what it has said since counts more.
    if (!heardOf.has(namespace)) present.set(namespace, { pem, isOurs: true });
    logger.info(isMending ? 'a trust bundle was put right' : 'a trust bundle was published', {
      namespace,
    });
    return 'written';
  };
  const repairs = createRepairs({
    ...{ clock, random, mayWrite, repair },
    onFailure: (namespace, error) => {
      logger.warn('a trust bundle could not be published', { namespace, error });
    },
  });
  const onChange = (changes: readonly ReflectedChange<Present>[]): void => {
    for (const { key, value } of changes) {
      const [namespace = ''] = key.split('/');
      heardOf.add(namespace);
      if (value === undefined) present.delete(namespace);
      else present.set(namespace, value);
      repairs.request(namespace);
    }
  };
  const reflector = createReflector<Present>({
    ...{ client, clock, random, path: '/api/v1/configmaps', read: readConfigMap, onChange },
    query: { fieldSelector: `metadata.name=${injectedNames.rootConfigMap}` },
    onProblem: (problem) => {
      logger.warn('published trust bundles cannot be watched', { problem });
    },
  });
  const reconcile = (): void => {
    for (const namespace of new Set([...need.all(), ...present.keys()])) {
      if (!need.has(namespace) || !isRight(namespace)) repairs.request(namespace);
    }
  };
  const scheduleResync = (): void => {
    cancelResync = clock.after(resyncMs, () => {
      reconcile();
      scheduleResync();
    });
  };

  return {
    onBatch(batch): void {
      const touched = need.take(batch);
      // What is there already is known only then.
      if (isSynced) for (const namespace of touched) repairs.request(namespace);
    },
    async start(): Promise<void> {
      scheduleResync();
      await reflector.start();
      isSynced = true;
      reconcile();
    },
    reconcile,
    async stop(): Promise<void> {
      cancelResync();
      await reflector.stop();
      await repairs.stop();
    },
    missing: () => need.all().filter((namespace) => !isRight(namespace)),
  };
}
