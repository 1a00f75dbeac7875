/** What keeps the status of TrafficPolicies, seen from the control plane that it runs in. */
import type { Clock, Logger } from '../../../lib/index.js';
import type { KubernetesClient, ParsedObject, SourceBatch } from '../../../sources/index.js';
import type { Core } from '../../platform.js';

/** What the keeper needs. */
export interface StatusKeeperOptions {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly core: Pick<
    Core,
    'pipeline' | 'policies' | 'news' | 'standing' | 'rejections' | 'isTurned' | 'wouldDeny'
  >;
  /** Name of this replica among those that run: its pod's. */
  readonly replica: string;
  /** Where the summaries of replicas are. */
  readonly rootNamespace: string;
  /** Whether this replica leads, asked right before each write of a status. */
  readonly mayWrite: () => boolean;
  /** Numbers in [0, 1), for the spread of retries. */
  readonly random?: () => number;
}

/**
 * The keeper. Every replica has one: each says which sidecars it serves and who of them is behind, in
 * a ConfigMap of its own; the one that leads merges them all into the statuses. To be made before the
 * source starts, so that it hears of everything.
 */
export interface StatusKeeper {
  /** `onPolicyObject` of the source. */
  onPolicyObject(key: string, object: unknown, parsed: ParsedObject | undefined): void;
  /** Pods; before the turn that follows from the batch. */
  onBatch(batch: SourceBatch): void;
  /** Begins to follow the summaries of other replicas and to write its own. */
  start(): void;
  /** This replica leads from now on: every status is looked at. */
  lead(): void;
  /** It leads no more; resolves when no status is being written. */
  retire(): Promise<void>;
  /** Removes its own summary, and ends. */
  stop(): Promise<void>;
  /** When a status was last written, in milliseconds since the epoch; undefined: never. */
  lastWriteMs(): number | undefined;
}
