/** What the other replicas say, for as long as they are heard of. Mutable state: their summaries, and when each last changed. */
import type { Clock, Logger } from '../../../lib/index.js';
import {
  createReflector,
  leaderWriteTimeoutMs,
  type KubernetesClient,
  type ReflectedChange,
} from '../../../sources/index.js';
import { silentMs } from './own-summary.js';
import {
  readSummaryObject,
  summaryName,
  summarySelector,
  type WatchedSummary,
} from './summary-object.js';
import type { ReplicaSummary } from './summary.js';

/** What is needed to follow them. */
export interface PeerSummariesOptions {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  readonly namespace: string;
  /** This replica, whose own summary is left out. */
  readonly replica: string;
  readonly mayWrite: () => boolean;
  /** Somebody says something new, or is silent. */
  readonly onChange: () => void;
}

/** The summaries. */
export interface PeerSummaries {
  start(): void;
  stop(): Promise<void>;
  /** Those of replicas that were heard of lately. */
  all(): readonly ReplicaSummary[];
  /** Removes what replicas that are long gone have left; for the leader, now and then. */
  sweep(): Promise<void>;
}

interface Heard extends WatchedSummary {
  /** By our own clock: those of different machines are never compared. */
  readonly atMs: number;
  readonly cancel: () => void;
}

/** A replica that was silent for so long does not come back. */
const lostMs = 120_000;

/** Nobody was heard of yet. */
export function createPeerSummaries(options: PeerSummariesOptions): PeerSummaries {
  const { client, clock, logger, random, namespace, replica } = options;
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const heard = new Map<string, Heard>();

  const isSilent = ({ atMs }: Heard): boolean => clock.now() - atMs >= silentMs;
  const hear = (name: string, watched: WatchedSummary | undefined): void => {
    heard.get(name)?.cancel();
    heard.delete(name);
    if (watched === undefined) return;
    if (watched.summary === undefined) {
      logger.warn('the summary of a replica cannot be read', { configMap: name });
      return;
    }
    const cancel = clock.after(silentMs, options.onChange);
    heard.set(name, { ...watched, atMs: clock.now(), cancel });
  };
  const reflector = createReflector<WatchedSummary | undefined>({
    ...{ client, clock, random, path, read: readSummaryObject },
    query: {
      labelSelector: summarySelector,
      // What this replica writes itself is not even sent back.
      fieldSelector: `metadata.name!=${summaryName(replica)}`,
    },
    onChange: (changes: readonly ReflectedChange<WatchedSummary | undefined>[]) => {
      for (const { key, value } of changes) {
        hear(key.slice(key.indexOf('/') + 1), value);
      }
      options.onChange();
    },
    onProblem: (problem) => {
      logger.warn('the summaries of replicas cannot be watched', { problem });
    },
  });

  return {
    start(): void {
      // It rejects only when it is stopped before.
      reflector.start().catch(() => undefined);
    },
    async stop(): Promise<void> {
      for (const { cancel } of heard.values()) cancel();
      await reflector.stop();
    },
    all: () => [...heard.values()].flatMap((one) => (isSilent(one) ? [] : (one.summary ?? []))),
    async sweep(): Promise<void> {
      for (const [name, { atMs, resourceVersion }] of heard) {
        if (clock.now() - atMs < lostMs || !options.mayWrite()) continue;
        try {
          await client.send({
            ...{ method: 'DELETE', path: `${path}/${name}`, timeoutMs: leaderWriteTimeoutMs },
            body: { preconditions: { resourceVersion } },
          });
          logger.info('the summary of a replica that is gone was removed', { configMap: name });
        } catch (error) {
          // Another one was first, or it came back.
          logger.info('the summary of a silent replica was left', { configMap: name, error });
        }
      }
    },
  };
}
