/** A control plane in a cluster: the API server as its source, several replicas of which one leads. */
import { randomBytes } from 'node:crypto';
import type { ControllerOptions, KubernetesPlatformOptions } from '../../cli/index.js';
import { systemClock, wait, type Logger } from '../../lib/index.js';
import {
  createKubernetesSource,
  createLeaderElector,
  openKubernetesClient,
  type KubernetesSource,
  type LeaderElector,
  type SourceLogger,
} from '../../sources/index.js';
import type { Companions, Core, Platform, TrustDuties } from '../platform.js';
import { createInjector } from './injector.js';
import { createRootsKeeper, type RootsKeeper } from './roots.js';
import { readPublishedRoots } from './roots-published.js';
import { createSecretCaKeeper } from './secret-ca-keeper.js';
import { createSecretCaStore, type SecretCaStore } from './secret-ca-store.js';
import type { StatusKeeper } from './status/contract.js';
import { createStatusKeeper } from './status/keeper.js';
import { createTokenAuthority, type TokenAuthority } from './token-authority.js';
import { untilAnswered } from './until-answered.js';
import { createClusterVerdicts, type ClusterVerdicts } from './verdicts.js';
import { createTrustNotes, type TrustNotes } from './trust-notes.js';
import { createWebhookTrust, type WebhookTrust } from './webhook-trust.js';

/** What the start is told with. */
export interface OpenKubernetesOptions {
  readonly logger: Logger;
  /** Why it has not come further yet; undefined: it goes on. */
  readonly onWaiting: (reason: string | undefined) => void;
}

/**
 * How long a replica that ends still serves: until then, API server and sidecars may not have heard
 * that it is no endpoint any more.
 */
const drainMs = 3_000;

const clock = systemClock;

function sourceLogger(logger: Logger): SourceLogger {
  return {
    warn: (fields, message) => {
      logger.warn(message, { ...fields });
    },
    error: (fields, message) => {
      logger.error(message, { ...fields });
    },
  };
}

interface Parts {
  readonly own: KubernetesPlatformOptions;
  readonly options: ControllerOptions;
  readonly client: ReturnType<typeof openKubernetesClient>;
  readonly caStore: SecretCaStore;
  readonly tokens: TokenAuthority;
  readonly verdicts: ClusterVerdicts;
  readonly logger: Logger;
}

/** What acts for all replicas while this one leads. */
interface Acting {
  /** Looks at everything that this replica may now put right. */
  begin(signal: AbortSignal): void;
  /** Resolves when nothing is being written any more. */
  end(): Promise<void>;
}

function createElector({ own, options, client, logger }: Parts, acting: Acting): LeaderElector {
  // A container that restarts is somebody else than the one before, though their pod is the same.
  const identity = `${own.replica}_${randomBytes(4).toString('hex')}`;
  return createLeaderElector({
    ...{ client, clock, identity, namespace: options.rootNamespace },
    onStarted: (signal) => {
      logger.info('this replica leads', { identity });
      acting.begin(signal);
    },
    onStopped: async () => {
      logger.info('this replica does not lead any more', { identity });
      await acting.end();
    },
    onProblem: (problem) => {
      logger.warn('the lease of the leader cannot be had', { problem });
    },
  });
}

/** What of the companions others speak with. */
interface Made {
  readonly elector: LeaderElector;
  readonly status: StatusKeeper;
}

/** What a rotation of the root asks of a cluster. */
function trustDuties(
  notes: TrustNotes,
  {
    roots,
    webhook,
    elector,
  }: {
    readonly roots: Pick<RootsKeeper, 'missing'>;
    readonly webhook: Pick<WebhookTrust, 'isRight'>;
    readonly elector: Pick<LeaderElector, 'mayWrite'>;
  },
): TrustDuties {
  return {
    mayAdvance: () => elector.mayWrite(),
    unpublished: () =>
      Promise.resolve([
        ...roots.missing().map((namespace) => `ConfigMap skerry-root in namespace ${namespace}`),
        ...(webhook.isRight() ? [] : ['the webhook’s configuration']),
      ]),
    exchange: (own) => notes.exchange(own),
  };
}

/** All that runs beside the serving of sidecars. */
function openCompanions(parts: Parts, core: Core, onMade: (made: Made) => void): Companions {
  const { own, options, client, tokens, verdicts, logger, caStore } = parts;
  const { authority, metrics } = core;
  const bundle = (): string => authority.bundle();
  const mayWrite = (): boolean => elector.mayWrite();
  const shared = { client, clock, logger, mayWrite };
  const roots = createRootsKeeper({ ...shared, rootNamespace: options.rootNamespace, bundle });
  const caKeeper = createSecretCaKeeper({ ...shared, store: caStore });
  const trust = createWebhookTrust({ ...shared, bundle });
  const injector = createInjector({ own, options, authority, metrics, logger });
  const status = createStatusKeeper({
    ...{ ...shared, core, replica: own.replica, rootNamespace: options.rootNamespace },
  });
  const elector = createElector(parts, {
    begin: () => {
      roots.reconcile();
      trust.reconcile();
      void caKeeper.look();
      status.lead();
    },
    end: () => status.retire(),
  });
  onMade({ elector, status });
  const notes = createTrustNotes({ client, namespace: options.rootNamespace, mayWrite });
  authority.onMove(() => {
    roots.reconcile();
    trust.reconcile();
    const { next, retired } = authority.slots();
    if (next !== undefined || retired !== undefined) return;
    notes.clear().catch((error: unknown) => {
      logger.warn('a note for the other replicas could not be removed', { error });
    });
  });
  return {
    trust: trustDuties(notes, { roots, webhook: trust, elector }),
    onBatch(batch): void {
      tokens.onBatch(batch);
      roots.onBatch(batch);
      verdicts.onBatch(batch);
      status.onBatch(batch);
    },
    async start(): Promise<void> {
      await Promise.all([tokens.start(), roots.start()]);
      trust.start();
      caKeeper.start();
      await injector.start();
      status.start();
      elector.start();
    },
    async stop(): Promise<void> {
      // First of all, so that the next leader need not wait for the end of the Lease.
      await elector.stop();
      await status.stop();
      caKeeper.stop();
      await injector.stop();
      await trust.stop();
      await roots.stop();
      await tokens.stop();
    },
  };
}

function lastWriteOf(status: StatusKeeper | undefined): { readonly lastStatusWriteMs?: number } {
  const atMs = status?.lastWriteMs();
  return atMs === undefined ? {} : { lastStatusWriteMs: atMs };
}

/** Opens the authority's material and the roots that are published; waits where the API server is away. */
export async function openKubernetesPlatform(
  own: KubernetesPlatformOptions,
  options: ControllerOptions,
  { logger, onWaiting }: OpenKubernetesOptions,
): Promise<Platform> {
  const { rootNamespace } = options;
  const client = openKubernetesClient(
    own.kubeconfig === undefined ? {} : { kubeconfig: own.kubeconfig },
  );
  const caStore = createSecretCaStore({ client, namespace: rootNamespace });
  const published = await untilAnswered(
    () => readPublishedRoots({ client, rootNamespace, store: caStore }),
    { clock, logger, onWaiting },
  );
  const tokens = createTokenAuthority({ client, clock, logger });
  const verdicts = createClusterVerdicts({ client, clock, logger, namespace: rootNamespace });
  const parts: Parts = { own, options, client, caStore, tokens, verdicts, logger };
  let source: KubernetesSource | undefined;
  let made: Made | undefined;
  return {
    origin: 'kubernetes',
    replica: own.replica,
    caStore,
    ...(published !== undefined && { publishedBundle: published.bundle }),
    verifier: tokens,
    verdicts,
    openSource(onChange): KubernetesSource {
      source = createKubernetesSource({
        ...{ client, clock, rootNamespace, onChange, logger: sourceLogger(logger) },
        follows: own.follows ?? [],
        onPolicyObject: (key, object, parsed) => {
          verdicts.onPolicyObject(key, object);
          made?.status.onPolicyObject(key, object, parsed);
        },
      });
      return source;
    },
    openCompanions: (core) =>
      openCompanions(parts, core, (companions) => {
        made = companions;
      }),
    waiting: () => [...(source?.waiting() ?? []), ...tokens.waiting()],
    state: () => ({
      isLeader: made?.elector.isLeader() ?? false,
      ...lastWriteOf(made?.status),
      sources: (source?.state() ?? []).map(({ kind, isSynced, objects, ageMs, problem }) => ({
        ...{ kind, isSynced, objects, ageMs },
        ...(problem !== undefined && { problem }),
      })),
    }),
    beforeStop: () => wait(clock, drainMs, new AbortController().signal),
    async close(): Promise<void> {
      await verdicts.stop();
      client.close();
    },
  };
}
