/**
 * Which of several replicas acts for all, decided by a Lease (coordination.k8s.io/v1). Mutable state:
 * the term of this one. Clocks of different machines are never compared.
 */
import { wait, type Clock } from '../../lib/index.js';
import { ownField } from '../parse/cursor.js';
import { KubernetesApiError } from './api-error.js';
import type { KubernetesClient } from './client.js';

/** What an elector needs. */
export interface LeaderElectorOptions {
  readonly client: Pick<KubernetesClient, 'send'>;
  readonly clock: Clock;
  /** Milliseconds of a clock that nobody can set; by default the machine's. */
  readonly monotonicMs?: () => number;
  /** Numbers in [0, 1), for the spread of tries. */
  readonly random?: () => number;
  readonly namespace: string;
  /** `skerry-leader` by default. */
  readonly name?: string;
  /** Unique to this process, not only to its pod: a container that restarts is somebody else. */
  readonly identity: string;
  /** The term begins; `signal` is aborted when it ends. */
  readonly onStarted: (signal: AbortSignal) => void;
  /** The term has ended; a release waits for what is returned. */
  readonly onStopped: () => Promise<void>;
  /** Told once for each new reason why the Lease cannot be read or written. */
  readonly onProblem?: (problem: string) => void;
}

/** An elector; several of one name elect one among themselves. */
export interface LeaderElector {
  start(): void;
  /** Ends the term, then gives the Lease back, so that another one need not wait for its end. */
  stop(): Promise<void>;
  /** Whether a term is open, for people; a late timer may not have ended it yet. */
  isLeader(): boolean;
  /**
   * Whether a write may begin now: ask just before each. True only within 10 s of the sending of the
   * last renewal that succeeded; nobody else leads before 15 s, so a write that is given up after
   * {@link leaderWriteTimeoutMs} has ended by then.
   */
  mayWrite(): boolean;
  /** Who holds the Lease by what was last read; empty: nobody. */
  leader(): string;
}

/** Writes of a leader are given up after this. */
export const leaderWriteTimeoutMs = 4_000;

const leaseMs = 15_000;
const renewDeadlineMs = 10_000;
const retryMs = 2_000;
const requestTimeoutMs = 5_000;
/** Nobody waits longer for a Lease to end, whatever it says of itself. */
const maxLeaseMs = 60_000;

/** A moment by two clocks: one may be set, the other may stand still while the machine sleeps. */
interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

interface Lease {
  readonly metadata: unknown;
  readonly resourceVersion: string;
  readonly holder: string;
  readonly durationMs: number;
  readonly transitions: number;
  readonly acquireTime: unknown;
}

function readLease(object: unknown): Lease {
  const metadata = ownField(object, 'metadata');
  const spec = ownField(object, 'spec');
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
  return {
    metadata,
    resourceVersion: text(ownField(metadata, 'resourceVersion')),
    holder: text(ownField(spec, 'holderIdentity')),
    durationMs: number(ownField(spec, 'leaseDurationSeconds')) * 1000,
    transitions: number(ownField(spec, 'leaseTransitions')),
    acquireTime: ownField(spec, 'acquireTime'),
  };
}

function hasStatus(error: unknown, status: number): boolean {
  return error instanceof KubernetesApiError && error.status === status;
}

/** metav1.MicroTime. */
function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}

/** The Lease in the API server, as last read. Mutable state. */
interface LeaseStore {
  /** As last read or written; undefined: not known. */
  known(): Lease | undefined;
  read(): Promise<Lease | undefined>;
  /** Makes it ours (or nobody's, with an empty holder); rejects with 409 when another was first. */
  write(holder: string, from: Lease | undefined): Promise<void>;
}

function createLeaseStore(options: LeaderElectorOptions): LeaseStore {
  const { client, clock, namespace, name = 'skerry-leader' } = options;
  const collection = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  const path = `${collection}/${name}`;
  const timeoutMs = requestTimeoutMs;
  let known: Lease | undefined;
  return {
    known: () => known,
    async read(): Promise<Lease | undefined> {
      try {
        known = readLease(await client.send({ method: 'GET', path, timeoutMs }));
      } catch (error) {
        if (!hasStatus(error, 404)) throw error;
        known = undefined;
      }
      return known;
    },
    async write(holder, from): Promise<void> {
      const now = microTime(clock.now());
      const isSame = from?.holder === holder;
      const spec = {
        holderIdentity: holder,
        leaseDurationSeconds: holder === '' ? 1 : leaseMs / 1000,
        acquireTime: isSame ? (from.acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions: (from?.transitions ?? 0) + (isSame || holder === '' ? 0 : 1),
      };
      const head = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };
      // Undefined until the answer is here: a request without an answer may have been carried out.
      known = undefined;
      const written =
        from === undefined
          ? client.send({
              ...{ method: 'POST', path: collection, timeoutMs },
              body: { ...head, metadata: { name, namespace }, spec },
            })
          : client.send({
              ...{ method: 'PUT', path, timeoutMs },
              // Carries the resourceVersion: the API server refuses it when another was first.
              body: { ...head, metadata: from.metadata, spec },
            });
      known = readLease(await written);
    },
  };
}

/** An elector that has not asked for anything yet. */
export function createLeaderElector(options: LeaderElectorOptions): LeaderElector {
  const { clock, identity } = options;
  const random = options.random ?? Math.random;
  const monotonicMs = options.monotonicMs ?? ((): number => performance.now());
  const store = createLeaseStore(options);
  const ending = new AbortController();
  let term: AbortController | undefined;
  /** What a term does when it ends is waited for before the Lease is given back. */
  let winding = Promise.resolve();
  let renewedAt: Moment | undefined;
  let cancelDeadline = (): void => undefined;
  let watched: { readonly resourceVersion: string; readonly sinceMs: number } | undefined;
  let problem: string | undefined;
  let running = Promise.resolve();

  const now = (): Moment => ({ wallMs: clock.now(), monotonicMs: monotonicMs() });
  const remainingMs = (): number => {
    if (renewedAt === undefined) return 0;
    const { wallMs, monotonicMs: ms } = now();
    // The larger: a clock that was set back, or stood still, must not lengthen a term.
    return renewDeadlineMs - Math.max(wallMs - renewedAt.wallMs, ms - renewedAt.monotonicMs);
  };
  const mayWrite = (): boolean => term !== undefined && remainingMs() > 0;

  const endTerm = (): void => {
    if (term === undefined) return;
    cancelDeadline();
    term.abort(new Error('the term has ended'));
    term = undefined;
    winding = options.onStopped().catch((error: unknown) => options.onProblem?.(String(error)));
  };
  const arrangeEnd = (): void => {
    cancelDeadline();
    cancelDeadline = clock.after(Math.max(0, remainingMs()), () => {
      if (remainingMs() > 0) arrangeEnd();
      else endTerm();
    });
  };
  /** The Lease is ours, by a request sent at `sentAt`. */
  const won = (sentAt: Moment): void => {
    renewedAt = sentAt;
    if (ending.signal.aborted || remainingMs() <= 0) return;
    arrangeEnd();
    if (term !== undefined) return;
    term = new AbortController();
    options.onStarted(term.signal);
  };

  /** Whether another one holds it, and may still act. */
  const isTaken = (lease: Lease | undefined): boolean => {
    if (lease === undefined || lease.holder === '' || lease.holder === identity) return false;
    const ms = monotonicMs();
    if (watched?.resourceVersion !== lease.resourceVersion) {
      watched = { resourceVersion: lease.resourceVersion, sinceMs: ms };
    }
    const durationMs = Math.min(maxLeaseMs, Math.max(leaseMs, lease.durationMs));
    return ms - watched.sinceMs < durationMs;
  };

  const attempt = async (): Promise<void> => {
    if (term !== undefined && remainingMs() <= 0) endTerm();
    // A term does not begin before the former one has let go of everything.
    if (term === undefined) await winding;
    const known = store.known();
    const lease = known?.holder === identity ? known : await store.read();
    if (isTaken(lease)) {
      endTerm();
      return;
    }
    const sentAt = now();
    await store.write(identity, lease);
    won(sentAt);
  };
  const tryOnce = async (): Promise<void> => {
    try {
      await attempt();
      problem = undefined;
    } catch (error) {
      // 409: another one was first. The next try reads what it wrote.
      if (hasStatus(error, 409) || ending.signal.aborted) return;
      const text = error instanceof Error ? error.message : String(error);
      if (text !== problem) options.onProblem?.(text);
      problem = text;
    }
  };
  const loop = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      await tryOnce();
      // A leader keeps its pace; others do not all come at once when it is gone.
      const delayMs = term === undefined ? retryMs * (1 + random() * 0.2) : retryMs;
      await wait(clock, delayMs, ending.signal).catch(() => undefined);
    }
  };

  return {
    start(): void {
      running = loop();
    },
    async stop(): Promise<void> {
      const mayRelease = mayWrite();
      ending.abort();
      endTerm();
      await running;
      await winding;
      const lease = store.known();
      if (!mayRelease || lease?.holder !== identity) return;
      // It ends by itself when this fails.
      await store.write('', lease).catch(() => undefined);
    },
    isLeader: () => term !== undefined,
    mayWrite,
    leader: () => store.known()?.holder ?? '',
  };
}
