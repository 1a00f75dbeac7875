/**
 * Keeps a copy of one collection of an API server: lists, watches, resumes, starts over when it must.
 * Mutable state: the copy. https://kubernetes.io/docs/reference/using-api/api-concepts/
 */
import { backoffDelayMs, wait, withSignals, type Clock } from '../../lib/index.js';
import { KubernetesApiError } from './api-error.js';
import type { KubernetesClient } from './client.js';
import { listAll, streamInitial, type Listed } from './list.js';
import { readEvent, type ObjectMeta } from './watch-event.js';

/** One object that was set or removed. */
export interface ReflectedChange<T> {
  /** `namespace/name`, or `name` of what has no namespace. */
  readonly key: string;
  /** Undefined: removed. */
  readonly value: T | undefined;
}

/** What a collection looks like from outside. */
export interface ReflectorState {
  readonly isSynced: boolean;
  readonly objects: number;
  /** How long ago the copy was last known to be current, in milliseconds; 0 while the watch is open. */
  readonly ageMs: number;
  /** Why the last request failed; absent while all is well. */
  readonly problem?: string;
  /** How often the copy was read anew, the first time included. */
  readonly syncs: number;
  /** How often it turned out to differ from what the API server has. */
  readonly drifts: number;
}

/** What to reflect. */
export interface ReflectorOptions<T> {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  readonly random: () => number;
  /** Absolute path of the collection: /api/v1/pods */
  readonly path: string;
  /** Selectors. */
  readonly query?: Readonly<Record<string, string>>;
  /** What is kept of an object; everything else is dropped on arrival. */
  readonly read: (object: unknown) => T;
  /** Changes in the order in which they happened; all of the first listing at once. */
  readonly onChange: (changes: readonly ReflectedChange<T>[]) => void;
  /** Told once for each new problem. */
  readonly onProblem?: (problem: string) => void;
}

/** A running copy. */
export interface Reflector {
  /** Begins; resolves when the first listing has been handed out. Rejects only when stopped before. */
  start(): Promise<void>;
  stop(): Promise<void>;
  state(): ReflectorState;
  /**
   * Compares the copy with what the API server has; a difference that is still there at a second look
   * is counted and makes the copy be read anew. Resolves to whether the copy was right.
   */
  verify(): Promise<boolean>;
}

/** By which an object is told from another form of it; what was read of it is the listener's. */
type Version = Pick<ObjectMeta, 'uid' | 'resourceVersion'>;

/** An API server that restarts is found again soon; one that is overloaded is left alone. */
const backoff = { baseMs: 500, maxMs: 10_000 };
/** Bookmarks come about once a minute, but not from an old etcd: then a watch is opened anew this often. */
const idleTimeoutMs = 150_000;
const secondLookMs = 5_000;
/** A watch that ended sooner than this, and without an event, has got nowhere. */
const shortWatchMs = 1_000;

function versionOf({ uid, resourceVersion }: ObjectMeta): Version {
  return { uid, resourceVersion };
}

function watchSeconds(random: () => number): string {
  return String(Math.round(300 + 300 * random()));
}

/** The API server has forgotten the version, or the watch came to a state that cannot be followed. */
function mustRestart(error: unknown): boolean {
  return (
    error instanceof KubernetesApiError && (error.status === 410 || error.reason === 'Expired')
  );
}

/** A copy of nothing yet. */
export function createReflector<T>(options: ReflectorOptions<T>): Reflector {
  const { client, clock, random, path } = options;
  const query = options.query ?? {};
  let held = new Map<string, Version>();
  /** Undefined: the collection has to be listed. */
  let version: string | undefined;
  let hasWatchList = true;
  let isSynced = false;
  let isOpen = false;
  let currentAtMs = clock.now();
  let problem: string | undefined;
  let syncs = 0;
  let drifts = 0;
  let ending = new AbortController();
  let relisting = new AbortController();
  /** Counts what rounds have achieved. */
  let steps = 0;
  let running: Promise<void> | undefined;
  let reportSynced = (): void => undefined;
  let reportStopped: (reason: Error) => void = () => undefined;

  const adopt = (listed: Listed): void => {
    const next = new Map<string, Version>();
    const changes: ReflectedChange<T>[] = [];
    for (const { meta, object } of listed.objects) {
      const former = held.get(meta.key);
      if (former?.uid === meta.uid && former.resourceVersion === meta.resourceVersion) {
        next.set(meta.key, former);
        continue;
      }
      next.set(meta.key, versionOf(meta));
      changes.push({ key: meta.key, value: options.read(object) });
    }
    for (const key of held.keys()) if (!next.has(key)) changes.push({ key, value: undefined });
    held = next;
    version = listed.resourceVersion;
    syncs += 1;
    steps += 1;
    problem = undefined;
    const isFirst = !isSynced;
    isSynced = true;
    if (isFirst || changes.length > 0) options.onChange(changes);
    if (isFirst) reportSynced();
  };

  /** Takes one event of a watch; throws the error that it may be. */
  const take = (line: unknown): void => {
    const event = readEvent(line);
    currentAtMs = clock.now();
    steps += 1;
    problem = undefined;
    if (event.kind === 'bookmark') {
      version = event.resourceVersion;
      return;
    }
    const { meta, object } = event;
    version = meta.resourceVersion;
    if (event.kind === 'deleted') {
      if (held.delete(meta.key)) options.onChange([{ key: meta.key, value: undefined }]);
      return;
    }
    const value = options.read(object);
    held.set(meta.key, versionOf(meta));
    options.onChange([{ key: meta.key, value }]);
  };

  const onOpen = (): void => {
    isOpen = true;
    problem = undefined;
  };

  const follow = async (events: AsyncIterable<unknown>): Promise<void> => {
    const startedAtMs = clock.now();
    try {
      for await (const line of events) take(line);
    } finally {
      if (isOpen) currentAtMs = clock.now();
      if (isOpen && clock.now() - startedAtMs > shortWatchMs) steps += 1;
      isOpen = false;
    }
  };

  /** One listing, or one watch, for as long as it lasts. */
  const round = async (signal: AbortSignal): Promise<void> => {
    const watch = (extra: Readonly<Record<string, string>>): AsyncIterable<unknown> =>
      client.stream({
        path,
        query: {
          ...query,
          ...extra,
          watch: '1',
          allowWatchBookmarks: 'true',
          timeoutSeconds: watchSeconds(random),
        },
        signal,
        idleTimeoutMs,
        onOpen,
      });
    if (version !== undefined) {
      await follow(watch({ resourceVersion: version }));
      return;
    }
    if (!hasWatchList) {
      adopt(await listAll(client, { path, query, signal }));
      return;
    }
    const events = watch({
      sendInitialEvents: 'true',
      resourceVersionMatch: 'NotOlderThan',
      resourceVersion: '',
    });
    const iterator = events[Symbol.asyncIterator]();
    try {
      const listed = await streamInitial(iterator);
      if (listed === undefined) {
        hasWatchList = false;
        steps += 1;
        return;
      }
      adopt(listed);
      await follow({ [Symbol.asyncIterator]: () => iterator });
    } finally {
      isOpen = false;
      await iterator.return?.();
    }
  };

  /** What an error means for the next round; whether that can do better at once. */
  const learn = (error: unknown): boolean => {
    if (relisting.signal.aborted || mustRestart(error)) {
      relisting = new AbortController();
      version = undefined;
      return false;
    }
    if (hasWatchList && version === undefined && isUnsupported(error)) {
      // No problem yet: the collection is listed in pages next. Known once and for all, so no circle.
      hasWatchList = false;
      return true;
    }
    // Silence is no failure; whether somebody is still there, the next watch tells.
    if (error instanceof KubernetesApiError && error.reason === 'Idle') return false;
    const text = error instanceof Error ? error.message : String(error);
    if (text !== problem) options.onProblem?.(text);
    problem = text;
    return false;
  };

  const loop = async (): Promise<void> => {
    let attempt = 0;
    for (;;) {
      const stepsBefore = steps;
      const failure = await withSignals([ending.signal, relisting.signal], round).then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
      if (ending.signal.aborted) return;
      if (failure !== undefined && learn(failure.error)) continue;
      const hasProgress = steps !== stepsBefore;
      if (hasProgress) attempt = 0;
      // Only what got somewhere goes on at once: a server that ends every watch is not asked in a circle.
      if (hasProgress && failure === undefined) continue;
      const delayMs = backoffDelayMs(attempt, backoff, random);
      attempt += 1;
      const least = failure === undefined ? 0 : retryAfterOf(failure.error);
      await wait(clock, Math.max(least, delayMs), ending.signal).catch(() => undefined);
    }
  };

  const isDifferent = async (): Promise<boolean> => {
    const seen = await listAll(client, { path, query, signal: ending.signal, metadataOnly: true });
    const theirs = new Map(seen.objects.map(({ meta }) => [meta.key, meta]));
    if (theirs.size !== held.size) return true;
    for (const [key, mine] of held) {
      const other = theirs.get(key);
      if (other?.uid !== mine.uid || other.resourceVersion !== mine.resourceVersion) return true;
    }
    return false;
  };

  return {
    start: () => {
      ending = new AbortController();
      const synced = new Promise<void>((resolve, reject) => {
        reportSynced = resolve;
        reportStopped = reject;
      });
      running = loop();
      return synced;
    },
    stop: async () => {
      ending.abort();
      reportStopped(new Error(`${path}: stopped before the first listing`));
      await running;
    },
    state: () => ({
      isSynced,
      objects: held.size,
      ageMs: isOpen && isSynced ? 0 : clock.now() - currentAtMs,
      ...(problem !== undefined && { problem }),
      syncs,
      drifts,
    }),
    verify: async () => {
      if (!isSynced || !(await isDifferent())) return true;
      // Events under way explain most differences.
      await wait(clock, secondLookMs, ending.signal);
      if (!(await isDifferent())) return true;
      drifts += 1;
      relisting.abort();
      return false;
    },
  };
}

/**
 * The server knows no streaming lists: Kubernetes before 1.32, the feature is off, or its etcd cannot
 * report progress (before 3.4.31 and 3.5.13), which it says by an error event with the code 500.
 */
function isUnsupported(error: unknown): boolean {
  return error instanceof KubernetesApiError && [400, 422, 500].includes(error.status);
}

function retryAfterOf(error: unknown): number {
  return error instanceof KubernetesApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
}
