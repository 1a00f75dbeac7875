/** A Kubernetes API server as a source. Holds state: one copy of each collection. */
import { backoffDelayMs, wait, type Clock } from '../../lib/index.js';
import type { SourceBatch } from '../change.js';
import { defaultRootNamespace } from '../directory/root-namespace.js';
import type { SourceLogger } from '../directory/source.js';
import { isMap, ownField } from '../parse/cursor.js';
import {
  collectionNames,
  type CollectionName,
  type OfferedCollection,
  type ParsedObject,
} from '../parse/objects.js';
import type { KubernetesClient } from './client.js';
import { isOffered, kindNames, paths, queries, readAs } from './collections.js';
import { createReflector, type Reflector, type ReflectorState } from './reflector.js';
import { createRowTable } from './rows.js';
import { readMeta } from './watch-event.js';

/** What a Kubernetes source needs. */
export interface KubernetesSourceOptions {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  readonly logger: SourceLogger;
  /** The namespace whose policies may speak for the whole mesh; `skerry-system` by default. */
  readonly rootNamespace?: string;
  /** The first batch is everything there is; each later one is what changed. */
  readonly onChange: (batch: SourceBatch) => void;
  /**
   * Each TrafficPolicy as the API server has it, without managedFields, whenever it changes at all,
   * and what it was read as; both undefined: it is gone. Called before the batch that follows from
   * it, if one does.
   */
  readonly onPolicyObject?: (
    key: string,
    object: unknown,
    parsed: ParsedObject | undefined,
  ) => void;
  /**
   * Which of the ConfigMaps and Secrets that a label offers are followed, for which the account must
   * have the right to list and watch these kinds; none by default.
   */
  readonly follows?: readonly OfferedCollection[];
  /** Numbers in [0, 1), for the spread of retries. */
  readonly random?: () => number;
}

/** One collection of the API server. */
export interface KindState extends ReflectorState {
  /** Plural name, as kubectl has it. */
  readonly kind: string;
}

/** A running source. */
export interface KubernetesSource {
  /** Resolves after the first batch, when every kind has been listed; rejects when stopped before. */
  start(): Promise<void>;
  stop(): Promise<void>;
  state(): readonly KindState[];
  /** Kinds that have not been listed yet, each with its reason; empty: all have. */
  waiting(): readonly string[];
  /** Compares every copy with the API server's; resolves to whether all were right. */
  verify(): Promise<boolean>;
}

/** How often the copies are compared with the original. */
const verifyEvery = { baseMs: 600_000, maxMs: 600_000 };

function withoutManagedFields(object: unknown): unknown {
  const metadata = ownField(object, 'metadata');
  if (!isMap(object) || !isMap(metadata)) return object;
  return { ...object, metadata: { ...metadata, managedFields: undefined } };
}

/** A source that has not asked for anything yet. */
export function createKubernetesSource(options: KubernetesSourceOptions): KubernetesSource {
  const { client, clock, logger } = options;
  const random = options.random ?? Math.random;
  const rootNamespace = options.rootNamespace ?? defaultRootNamespace;
  const table = createRowTable();
  const ending = new AbortController();
  let isServing = false;
  let isScheduled = false;

  const settle = (): void => {
    isScheduled = false;
    const batch = table.settle();
    if (batch !== undefined) options.onChange(batch);
  };
  /** Events that are there already are one batch; none waits for those that may come. */
  const schedule = (): void => {
    // Nothing goes out before every kind has been listed: half a mesh would take the other half down.
    if (!isServing || isScheduled) return;
    isScheduled = true;
    setImmediate(settle);
  };
  const readerOf = (collection: CollectionName): ((object: unknown) => ParsedObject) => {
    const read = (object: unknown): ParsedObject => readAs(collection, object, { rootNamespace });
    if (collection !== 'policies') return read;
    return (object) => {
      const parsed = read(object);
      options.onPolicyObject?.(readMeta(object).key, withoutManagedFields(object), parsed);
      return parsed;
    };
  };
  const reflect = (collection: CollectionName): Reflector =>
    createReflector<ParsedObject>({
      ...{ client, clock, random, path: paths[collection], read: readerOf(collection) },
      query: queries[collection] ?? {},
      onChange: (changes) => {
        for (const { key, value } of changes) {
          table.set(collection, key, value);
          if (collection === 'policies' && value === undefined) {
            options.onPolicyObject?.(key, undefined, undefined);
          }
        }
        schedule();
      },
      onProblem: (problem) => {
        logger.warn({ kind: kindNames[collection], problem }, 'a collection cannot be watched');
      },
    });
  const reflectors = new Map(
    collectionNames
      .filter((collection) => !isOffered(collection) || options.follows?.includes(collection))
      .map((collection) => [collection, reflect(collection)] as const),
  );

  const verify = async (): Promise<boolean> => {
    const outcomes = await Promise.all(
      [...reflectors].map(async ([collection, reflector]) => {
        const isRight = await reflector.verify();
        if (!isRight) logger.error({ kind: kindNames[collection] }, 'a copy had drifted');
        return isRight;
      }),
    );
    return outcomes.every(Boolean);
  };
  const keepVerifying = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      await wait(clock, backoffDelayMs(0, verifyEvery, random), ending.signal);
      await verify().catch((error: unknown) => {
        logger.warn({ error }, 'the copies could not be verified');
      });
    }
  };

  return {
    start: async () => {
      await Promise.all([...reflectors.values()].map((reflector) => reflector.start()));
      isServing = true;
      options.onChange(table.settle() ?? { changes: [], diagnostics: [] });
      // It ends by the signal, which is no failure.
      keepVerifying().catch(() => undefined);
    },
    stop: async () => {
      ending.abort();
      await Promise.all([...reflectors.values()].map((reflector) => reflector.stop()));
    },
    state: () =>
      [...reflectors].map(([collection, reflector]) => ({
        kind: kindNames[collection],
        ...reflector.state(),
      })),
    waiting: () =>
      [...reflectors].flatMap(([collection, reflector]) => {
        const { isSynced, problem } = reflector.state();
        return isSynced ? [] : [`${kindNames[collection]}: ${problem ?? 'being listed'}`];
      }),
    verify,
  };
}
