/** The life of one stream: authenticated, admitted, served, ended. Mutable state. */
import type { DiscoveryNode } from '../envoy/index.js';
import type { Clock } from '../lib/index.js';
import type { ResourceCache } from './cache.js';
import type {
  Admission,
  DiscoveryDoor,
  DiscoveryEvents,
  ProxySnapshot,
  StreamIdentity,
  StreamRef,
} from './events.js';
import { createFlow } from './flow.js';
import type { Gate } from './gate.js';
import type { Outflow } from './outflow.js';
import { knownNode, readRequest, type KnownNode, type Request } from './request.js';
import type { ProtocolRules } from './rules.js';
import type { StreamStanding } from './standing.js';
import { createStreamState, type StreamState } from './stream-state.js';
import type { Refusal, StreamPort } from './transport.js';

/** Bounds of one stream. */
export interface StreamLimits {
  /** A stream must speak within this after it is authenticated. */
  readonly firstRequestMs: number;
  /** A client that has not taken a write within this is not waited for by others. */
  readonly slowMs: number;
  /** A write must be taken by the client within this. */
  readonly stallMs: number;
  /** Nothing is written while this much waits. */
  readonly softBytes: number;
  /** A stream for which more than this waits is dropped. */
  readonly hardBytes: number;
  /** A stream that has been ended must be gone within this. */
  readonly closeMs: number;
}

/** What all streams share. */
export interface SessionContext<I extends StreamIdentity> {
  readonly cache: ResourceCache;
  readonly rules: ProtocolRules;
  readonly limits: StreamLimits;
  readonly clock: Clock;
  readonly door: DiscoveryDoor<I>;
  readonly events: DiscoveryEvents;
  readonly gate: Gate;
  readonly outflow: Pick<Outflow, 'add' | 'remove'>;
}

/** One stream. */
export interface Session<I> {
  readonly id: string;
  /** Sends what may be sent. */
  pump(): void;
  /** To be called every now and then; ends a stuck stream, and says whether to pump. */
  tick(): boolean;
  /** Ends the stream. */
  close(refusal: Refusal): void;
  /** Undefined until admitted. */
  view(): ProxySnapshot<I> | undefined;
  /** Undefined until admitted. */
  standing(): StreamStanding | undefined;
}

interface Live {
  readonly stream: StreamRef;
  readonly node: KnownNode;
  readonly state: StreamState;
  readonly sinceMs: number;
}

// Longer timers overflow setTimeout.
const longestTimerMs = 86_400_000;

/** Takes over `port`; `onDirty` asks for a pump, `onEnded` is called once. */
export function openSession<I extends StreamIdentity>(
  context: SessionContext<I>,
  own: {
    readonly id: string;
    readonly port: StreamPort;
    onDirty(): void;
    /** Called once when it is admitted, before anything is sent. */
    onAdmitted(proxyId: string): void;
    onEnded(): void;
  },
): Session<I> {
  const { clock, events, limits, door, gate } = context;
  const { id, port } = own;
  let identity: I | undefined;
  let live: Live | undefined;
  let isAdmitting = false;
  let isEnded = false;
  let isGone = false;
  let cancelTimer = (): void => undefined;
  let cancelExpiry = (): void => undefined;

  const flow = createFlow({
    write: (bytes, flushed) => {
      port.write(bytes, flushed);
    },
    onDrained: () => {
      own.onDirty();
    },
    now: () => clock.now(),
    outflow: context.outflow,
    ...limits,
  });

  const guarded = (task: () => void): void => {
    try {
      task();
    } catch (error) {
      events.onError(error);
    }
  };

  const end = (reason: string): void => {
    if (isEnded) return;
    isEnded = true;
    cancelTimer();
    cancelExpiry();
    flow.end();
    const ended = live;
    live = undefined;
    if (ended !== undefined) {
      // A bug in one of these must not keep the others from happening.
      guarded(() => {
        ended.state.end();
      });
      guarded(() => {
        door.release(id);
      });
      guarded(() => {
        events.onClose(ended.stream, reason);
      });
    }
    own.onEnded();
  };

  const close = (refusal: Refusal): void => {
    if (isEnded) return;
    if (live === undefined) events.onRefused(port.peer, refusal);
    end(refusal.message);
    port.close(refusal);
    clock.after(limits.closeMs, () => {
      if (!isGone) port.destroy();
    });
  };

  /** The fence: a bug ends this stream and no other. */
  const fenced = (task: () => void): void => {
    try {
      task();
    } catch (error) {
      events.onError(error);
      close({ code: 'internal', message: 'internal error' });
    }
  };

  const armExpiry = (expiresAtMs: number | undefined): void => {
    if (expiresAtMs === undefined) return;
    const leftMs = expiresAtMs - clock.now();
    cancelExpiry = clock.after(Math.min(Math.max(leftMs, 0), longestTimerMs), () => {
      if (leftMs > longestTimerMs) armExpiry(expiresAtMs);
      else close({ code: 'unauthenticated', message: 'the credentials have expired' });
    });
  };

  const authenticate = async (): Promise<void> => {
    const outcome = await gate.run(() => door.authenticate(port.metadata, port.peer));
    if (isEnded) return;
    if (outcome === undefined) {
      close({ code: 'unavailable', message: 'too many streams at once' });
      return;
    }
    if (!outcome.ok) {
      close(outcome.error);
      return;
    }
    identity = outcome.value;
    armExpiry(identity.expiresAtMs);
    cancelTimer = clock.after(limits.firstRequestMs, () => {
      close({ code: 'unavailable', message: 'no request in time' });
    });
    port.resume();
  };

  const admit = async (known: I, nodeId: string, first: Request): Promise<void> => {
    const node: DiscoveryNode = first.node ?? {};
    cancelTimer();
    isAdmitting = true;
    port.pause();
    const { isDelta, peer } = port;
    const outcome = await gate.run(() =>
      // It may have gone while it waited.
      isEnded
        ? Promise.resolve(undefined)
        : door.admit({ identity: known, node, streamId: id, isDelta, peer }),
    );
    isAdmitting = false;
    if (outcome === undefined) {
      close({ code: 'unavailable', message: 'too many streams at once' });
      return;
    }
    if (!outcome.ok) {
      close(outcome.error);
      return;
    }
    if (isEnded) {
      door.release(id);
      return;
    }
    fenced(() => {
      goLive(outcome.value, knownNode(nodeId, node), first);
    });
  };

  const goLive = (admission: Admission, node: KnownNode, first: Request): void => {
    const { scopes, proxyId } = admission;
    const stream: StreamRef = { streamId: id, proxyId, scopes };
    const state = createStreamState({
      isDelta: port.isDelta,
      rules: context.rules,
      open: (listener) => context.cache.open(scopes, listener),
      onDirty: () => {
        own.onDirty();
      },
      now: () => clock.now(),
      events: {
        onDemand: (typeUrl, name, isWanted) => {
          events.onDemand(stream, { typeUrl, name, isWanted });
        },
        onAck: (typeUrl, accepted) => {
          events.onAck(stream, { typeUrl, ...accepted });
        },
        onNack: (typeUrl, { candidates, isCertain }, message) => {
          events.onNack(stream, { typeUrl, resources: candidates, isCertain, message });
        },
        onNamesRefused: (typeUrl, count) => {
          events.onNamesRefused(stream, typeUrl, count);
        },
      },
    });
    live = { stream, node, state, sinceMs: clock.now() };
    port.admitted();
    own.onAdmitted(proxyId);
    events.onOpen(stream);
    deliver(state, first);
    port.resume();
  };

  const deliver = (state: StreamState, request: Request): void => {
    if (request.deliver(state)) return;
    close({ code: 'resource-exhausted', message: 'one stream may not ask for so much' });
  };

  const take = (request: Request): void => {
    const node = request.node;
    if (live !== undefined) {
      if (node?.id !== undefined && node.id !== live.node.id) {
        close({ code: 'invalid-argument', message: 'the node id has changed within the stream' });
      } else deliver(live.state, request);
      return;
    }
    if (isAdmitting || identity === undefined) {
      // Reading stops while a stream is admitted; a transport that goes on is in the wrong.
      close({ code: 'resource-exhausted', message: 'requests before admission' });
      return;
    }
    if (node?.id === undefined) {
      close({
        code: 'invalid-argument',
        message: 'the first request must carry a node with an id',
      });
      return;
    }
    admit(identity, node.id, request).catch(fail);
  };

  const fail = (error: unknown): void => {
    events.onError(error);
    close({ code: 'internal', message: 'internal error' });
  };

  port.listen({
    message: (bytes) => {
      if (isEnded) return;
      fenced(() => {
        const request = readRequest(port.isDelta, bytes);
        if (request.ok) take(request.value);
        else close({ code: 'invalid-argument', message: request.error });
      });
    },
    closed: () => {
      isGone = true;
      end('closed by the client');
    },
  });
  authenticate().catch(fail);

  return {
    id,
    pump: () => {
      fenced(() => {
        if (live === undefined || flow.isBlocked()) return;
        for (const { typeUrl, bytes } of live.state.pump()) {
          flow.send(bytes);
          // Some room for names, versions and a whole resource beyond the limit.
          if (bytes.length > 2 * context.rules.maxResponseBytes) {
            events.onOversized?.(live.stream, typeUrl, bytes.length);
          }
        }
      });
    },
    tick: () => {
      if (flow.isStuck()) {
        end('too slow');
        port.destroy();
        return false;
      }
      flow.tick();
      return live?.state.isWaiting() === true;
    },
    close,
    standing: () => live?.state.standing(),
    view: () => {
      if (live === undefined || identity === undefined) return undefined;
      return {
        ...live.stream,
        identity,
        nodeId: live.node.id,
        clientVersion: live.node.version,
        peer: port.peer,
        isDelta: port.isDelta,
        connectedSinceMs: live.sinceMs,
        ...(port.connectedAtMs !== undefined && { connectionSinceMs: port.connectedAtMs }),
        unsentBytes: flow.pendingBytes(),
        state: live.state.snapshot(),
      };
    },
  };
}
