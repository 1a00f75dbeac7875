/** All streams of this replica: opened, pumped in slices, listed and closed. Mutable state. */
import { excluding, including, membersOf, sizeOf, type Clock, type Few } from '../lib/index.js';
import type { ResourceCache } from './cache.js';
import type { DiscoveryDoor, DiscoveryEvents, ProxySnapshot, StreamIdentity } from './events.js';
import { createGate } from './gate.js';
import { createOutflow } from './outflow.js';
import type { ProtocolRules } from './rules.js';
import { openSession, type Session, type SessionContext, type StreamLimits } from './session.js';
import { createSlices } from './slices.js';
import type { StreamStanding } from './standing.js';
import type { Refusal, StreamPort } from './transport.js';

/** What discovery needs. */
export interface DiscoveryOptions<I extends StreamIdentity> {
  readonly cache: ResourceCache;
  readonly rules: ProtocolRules;
  readonly clock: Clock;
  readonly door: DiscoveryDoor<I>;
  readonly events: DiscoveryEvents;
  readonly limits?: Partial<StreamLimits>;
  /** Streams that are authenticated or admitted at the same time; default 32. */
  readonly admissionsAtOnce?: number;
  /** Nothing is written to any stream while this much waits in all; default 64 MB. */
  readonly outflowBytes?: number;
  /** Runs its argument after a turn of the event loop; default setImmediate. */
  readonly defer?: (task: () => void) => void;
}

/** The streams of one replica. */
export interface Discovery<I extends StreamIdentity> {
  /** Takes over a new stream. */
  accept(port: StreamPort): void;
  /**
   * False at first: streams are refused as unavailable, since an answer from a cache that is not
   * full yet would wipe a sidecar. Streams that are open stay.
   */
  setServing(isServing: boolean): void;
  /** Ends all streams of a proxy; how many there were. */
  closeProxy(proxyId: string, reason: Refusal): number;
  /** The admitted streams, by proxy. */
  proxies(): readonly ProxySnapshot<I>[];
  /** How far one stream has come; undefined: there is none of this id, or it is not admitted yet. */
  standing(streamId: string): StreamStanding | undefined;
  /** Streams, admitted or not. */
  streamCount(): number;
  start(): void;
  /** Stops serving and ends all streams, spread over `spreadMs`. */
  stop(spreadMs: number): Promise<void>;
}

const tickMs = 250;
/** One at a time is used; others may be dead, and not be known to be. */
const maxStreamsPerProxy = 8;
const replaced: Refusal = {
  code: 'resource-exhausted',
  message: 'newer streams of the same proxy have taken its place',
};
const sliceMs = 10;

const defaultLimits: StreamLimits = {
  firstRequestMs: 15_000,
  slowMs: 5_000,
  stallMs: 60_000,
  // No more than a response at a time, for the reason why responses are no larger (`maxResponseBytes`).
  softBytes: 64_000,
  hardBytes: 64_000_000,
  closeMs: 5_000,
};

/** Discovery without streams; does nothing until started. */
export function createDiscovery<I extends StreamIdentity>(
  options: DiscoveryOptions<I>,
): Discovery<I> {
  const { clock } = options;
  const defer = options.defer ?? ((task: () => void): void => void setImmediate(task));
  const sessions = new Map<string, Session<I>>();
  // The admitted ones, the oldest first: a walk over all for each that comes would be the square of them.
  const byProxy = new Map<string, Few<Session<I>>>();
  const outflow = createOutflow({
    softBytes: options.outflowBytes ?? 64_000_000,
    onRoom: () => {
      slices.resume();
    },
  });
  const slices = createSlices<Session<I>>({
    run: (session) => {
      session.pump();
    },
    defer,
    now: () => clock.now(),
    mayRun: () => outflow.hasRoom(),
    sliceMs,
  });
  const context: SessionContext<I> = {
    cache: options.cache,
    rules: options.rules,
    clock,
    door: options.door,
    events: options.events,
    limits: { ...defaultLimits, ...options.limits },
    outflow,
    gate: createGate({ limit: options.admissionsAtOnce ?? 32, maxQueued: 20_000, defer }),
  };
  let isServing = false;
  let count = 0;
  let cancelTick: (() => void) | undefined;

  const tick = (): void => {
    for (const session of sessions.values()) if (session.tick()) slices.add(session);
    cancelTick = clock.after(tickMs, tick);
  };

  const accept = (port: StreamPort): void => {
    if (!isServing) {
      const refusal: Refusal = { code: 'unavailable', message: 'not serving yet' };
      port.listen({ message: () => undefined, closed: () => undefined });
      options.events.onRefused(port.peer, refusal);
      port.close(refusal);
      return;
    }
    count += 1;
    let admittedAs: string | undefined;
    const session: Session<I> = openSession(context, {
      id: `stream-${count}`,
      port,
      onDirty: () => {
        slices.add(session);
      },
      onAdmitted: (proxyId) => {
        admittedAs = proxyId;
        const own = including(byProxy.get(proxyId), session);
        byProxy.set(proxyId, own);
        // Of a client that came back, the oldest are the dead ones.
        for (const old of [...membersOf(own)].slice(0, -maxStreamsPerProxy)) old.close(replaced);
      },
      onEnded: () => {
        slices.delete(session);
        sessions.delete(session.id);
        if (admittedAs === undefined) return;
        const left = excluding(byProxy.get(admittedAs), session);
        if (sizeOf(left) === 0) byProxy.delete(admittedAs);
        else byProxy.set(admittedAs, left);
      },
    });
    sessions.set(session.id, session);
  };

  const stop = async (spreadMs: number): Promise<void> => {
    isServing = false;
    const all = [...sessions.values()];
    const refusal: Refusal = { code: 'unavailable', message: 'this replica is stopping' };
    await Promise.all(
      all.map(
        (session, at) =>
          new Promise<void>((resolve) => {
            clock.after((spreadMs * at) / all.length, () => {
              session.close(refusal);
              resolve();
            });
          }),
      ),
    );
    cancelTick?.();
    cancelTick = undefined;
  };

  return {
    accept,
    setServing: (next) => {
      isServing = next;
    },
    closeProxy: (proxyId, reason) => {
      const own = [...membersOf(byProxy.get(proxyId))];
      for (const session of own) session.close(reason);
      return own.length;
    },
    proxies: () =>
      [...sessions.values()]
        .flatMap((session) => session.view() ?? [])
        .sort((a, b) => (a.proxyId < b.proxyId ? -1 : a.proxyId > b.proxyId ? 1 : 0)),
    standing: (streamId) => sessions.get(streamId)?.standing(),
    streamCount: () => sessions.size,
    start: () => {
      cancelTick ??= clock.after(tickMs, tick);
    },
    stop,
  };
}
