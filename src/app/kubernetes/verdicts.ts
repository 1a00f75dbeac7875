/**
 * Verdicts on policies, kept in ConfigMaps of the root namespace and shared by all replicas: what the
 * sidecars of one have refused is refused by all. Mutable state: what the ConfigMaps hold, what waits.
 */
import { backoffDelayMs, wait, withSignals, type Clock, type Logger } from '../../lib/index.js';
import type { PolicyKey } from '../../model/index.js';
import { createReflector, type KubernetesClient, type SourceBatch } from '../../sources/index.js';
import type { PolicyVerdict, VerdictStore } from '../effective-policies.js';
import {
  dataKeyOf,
  mergeEntries,
  readEntry,
  shardOf,
  toVerdict,
  writeEntry,
  writtenForm,
  type VerdictEntry,
  type WrittenForm,
} from './verdict-entry.js';
import { createShards, type Shards } from './verdict-shards.js';

/** What the store needs. */
export interface ClusterVerdictsOptions {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The root namespace, where the ConfigMaps are. */
  readonly namespace: string;
  /** Numbers in [0, 1), for the spread of writes. */
  readonly random?: () => number;
}

/** The store. */
export interface ClusterVerdicts extends VerdictStore {
  /** Called with what other replicas have learned, from the first `load` on. */
  follow(onLearn: (verdict: PolicyVerdict) => void): void;
  /** A policy as the API server has it (undefined: gone); what is accepted is kept in these words. */
  onPolicyObject(key: string, object: unknown): void;
  /** The first batch is all there is: verdicts on other policies are removed. */
  onBatch(batch: SourceBatch): void;
  /** Writes what waits, as far as the API server lets it; resolves within seconds. */
  flush(): Promise<void>;
  /** Ends the watch and all waiting. */
  stop(): Promise<void>;
}

/** A wish for one key: a verdict to be added, or its removal. */
type Wish =
  | { readonly kind: 'save'; readonly verdict: PolicyVerdict }
  | { readonly kind: 'forget'; readonly key: PolicyKey };

/** Acceptances wait this long, so that one replica of several writes and the others see it. */
const acceptanceDelay = { baseMs: 3_000, maxMs: 3_000 };
const retryDelay = { baseMs: 1_000, maxMs: 30_000 };
/** Between two writes of one replica. */
const paceMs = 200;
/** Texts of one policy that may still be accepted: the newest, and those on their way. */
const formsKept = 3;

function keyOf(wish: Wish): PolicyKey {
  return wish.kind === 'save' ? wish.verdict.key : wish.key;
}

/** The others wait for it, or go on with what is refused. */
function isUrgent(wish: Wish): boolean {
  if (wish.kind === 'forget') return false;
  const { rejected, answers = {} } = wish.verdict;
  if (Object.keys(rejected).length > 0) return true;
  return Object.values(answers).some(({ refused }) => refused.length > 0);
}

/** The newest words of each policy. Mutable state. */
interface Texts {
  note(key: string, object: unknown): void;
  find(key: string, hash: string): WrittenForm | undefined;
  has(key: string): boolean;
}

function createTexts(): Texts {
  const texts = new Map<string, readonly (WrittenForm & { readonly uid: string })[]>();
  return {
    note(key, object): void {
      if (object === undefined) {
        texts.delete(key);
        return;
      }
      const form = writtenForm(object);
      if (form === undefined) return;
      const others = (texts.get(key) ?? []).filter(({ hash }) => hash !== form.hash);
      texts.set(key, [form, ...others].slice(0, formsKept));
    },
    find: (key, hash) => texts.get(key)?.find((form) => form.hash === hash),
    has: (key) => texts.has(key),
  };
}

/** The verdict in the words of the policies; forms whose words are not known are left out. */
function toEntry(
  { key, accepted, rejected, answers }: PolicyVerdict,
  texts: Texts,
  present: VerdictEntry | undefined,
): VerdictEntry {
  const forms = accepted.flatMap(({ hash }) => {
    const form =
      texts.find(key, hash) ?? present?.accepted.find((one) => one.hash === hash) ?? undefined;
    return form === undefined
      ? []
      : [{ hash: form.hash, generation: form.generation, object: form.object }];
  });
  return {
    ...{ key, accepted: forms, rejected: { ...rejected } },
    ...(answers !== undefined && { answers: { ...answers } }),
  };
}

/** What one shard's data becomes by these wishes: values to set, null for those to remove. */
function patchOf(
  wishes: readonly Wish[],
  present: ReadonlyMap<string, string>,
  texts: Texts,
): ReadonlyMap<string, string | null> {
  const patch = new Map<string, string | null>();
  for (const wish of wishes) {
    const dataKey = dataKeyOf(keyOf(wish));
    const text = present.get(dataKey);
    if (wish.kind === 'forget') {
      // One that was made anew under its name is not forgotten.
      if (text !== undefined && !texts.has(wish.key)) patch.set(dataKey, null);
      continue;
    }
    const former = text === undefined ? undefined : readEntry(dataKey, text);
    const next = writeEntry(mergeEntries(toEntry(wish.verdict, texts, former), former));
    if (next !== text) patch.set(dataKey, next);
  }
  return patch;
}

/** Writes wishes, one shard at a time. Mutable state: what waits. */
interface Writer {
  wish(wish: Wish): void;
  flush(): Promise<void>;
  stop(): Promise<void>;
}

function createWriter(options: ClusterVerdictsOptions, shards: Shards, texts: Texts): Writer {
  const { clock, logger } = options;
  const random = options.random ?? Math.random;
  /** The latest wish of each policy: a burst of verdicts on one is one write. */
  const waiting = new Map<PolicyKey, Wish>();
  const ending = new AbortController();
  let running: Promise<void> | undefined;
  let writing = Promise.resolve();
  let hurry = new AbortController();

  /** One shard; what could not be written waits again. */
  const writeNext = async (): Promise<void> => {
    const [first] = [...waiting.values()].sort((a, b) => Number(isUrgent(b)) - Number(isUrgent(a)));
    if (first === undefined) return;
    const shard = shardOf(keyOf(first));
    const wishes = [...waiting.values()].filter((wish) => shardOf(keyOf(wish)) === shard);
    for (const wish of wishes) waiting.delete(keyOf(wish));
    try {
      if (await shards.change(shard, (present) => patchOf(wishes, present, texts))) return;
      logger.error('a ConfigMap of verdicts is full, so that some are not kept', { shard });
    } catch (error) {
      // What has come in the meantime is newer.
      for (const wish of wishes) if (!waiting.has(keyOf(wish))) waiting.set(keyOf(wish), wish);
      throw error;
    }
  };
  const rest = (delayMs: number): Promise<void> =>
    withSignals([ending.signal, hurry.signal], (signal) => wait(clock, delayMs, signal)).catch(
      () => undefined,
    );
  const drain = async (): Promise<void> => {
    let attempt = 0;
    while (waiting.size > 0 && !ending.signal.aborted) {
      const hasUrgent = [...waiting.values()].some(isUrgent);
      if (!hasUrgent) await rest(backoffDelayMs(0, acceptanceDelay, random));
      hurry = new AbortController();
      try {
        writing = writeNext();
        await writing;
        attempt = 0;
        await wait(clock, paceMs, ending.signal).catch(() => undefined);
      } catch (error) {
        logger.warn('verdicts on policies cannot be kept in the cluster', { error });
        await wait(clock, backoffDelayMs(attempt, retryDelay, random), ending.signal).catch(
          () => undefined,
        );
        attempt += 1;
      }
    }
    running = undefined;
  };

  return {
    wish(wish): void {
      waiting.set(keyOf(wish), wish);
      if (isUrgent(wish)) hurry.abort();
      running ??= drain();
    },
    async flush(): Promise<void> {
      await writing.catch(() => undefined);
      // One try for each shard: whoever stops cannot wait for an API server.
      const shardsLeft = new Set([...waiting.keys()].map(shardOf)).size;
      for (let count = 0; count < shardsLeft; count += 1) {
        try {
          await writeNext();
        } catch (error) {
          logger.warn('verdicts on policies cannot be kept in the cluster', { error });
          return;
        }
      }
    },
    async stop(): Promise<void> {
      ending.abort();
      await running;
    },
  };
}

/** A store that has read nothing yet. */
export function createClusterVerdicts(options: ClusterVerdictsOptions): ClusterVerdicts {
  const { logger, namespace } = options;
  const texts = createTexts();
  const shards = createShards(options);
  const writer = createWriter(options, shards, texts);
  let learn: (verdict: PolicyVerdict) => void = () => undefined;
  let isLoaded = false;
  let hasPruned = false;

  const verdictsOf = (entries: ReadonlyMap<string, string>): readonly PolicyVerdict[] =>
    [...entries].flatMap(([dataKey, text]) => {
      const entry = readEntry(dataKey, text);
      if (entry !== undefined) return [toVerdict(entry, namespace)];
      logger.warn('a verdict on a policy cannot be read', { entry: dataKey });
      return [];
    });

  const reflector = createReflector({
    ...{ client: options.client, clock: options.clock, random: options.random ?? Math.random },
    path: `/api/v1/namespaces/${namespace}/configmaps`,
    query: { labelSelector: 'skerry.dev/verdicts=true' },
    read: (object) => object,
    onChange: (changes) => {
      for (const { key, value } of changes) {
        const news = shards.adopt(key.slice(key.indexOf('/') + 1), value);
        // What was there at first is handed out by `load`.
        if (isLoaded) for (const verdict of verdictsOf(news)) learn(verdict);
      }
    },
    onProblem: (problem) => {
      logger.warn('verdicts on policies cannot be watched', { problem });
    },
  });

  return {
    async load(): Promise<readonly PolicyVerdict[]> {
      await reflector.start();
      isLoaded = true;
      return verdictsOf(new Map(shards.entries()));
    },
    follow(onLearn): void {
      learn = onLearn;
    },
    save(verdict): void {
      writer.wish({ kind: 'save', verdict });
    },
    forget(key): void {
      writer.wish({ kind: 'forget', key });
    },
    onPolicyObject: (key, object) => {
      texts.note(key, object);
    },
    onBatch(batch): void {
      if (hasPruned) return;
      hasPruned = true;
      const there = new Set(
        batch.changes.flatMap(({ collection, key }) => (collection === 'policies' ? [key] : [])),
      );
      for (const { key } of verdictsOf(new Map(shards.entries()))) {
        if (!there.has(key)) writer.wish({ kind: 'forget', key });
      }
    },
    flush: () => writer.flush(),
    async stop(): Promise<void> {
      await writer.stop();
      await reflector.stop();
    },
  };
}
