/** What a stream looks like from outside. */
import { oldestGeneration } from './pending.js';
import type { TypeState } from './type-state.js';

/** One resource that the client refused. */
export interface RejectedView {
  readonly name: string;
  readonly version: string;
  /** The client's own words. */
  readonly message: string;
  readonly origins: readonly string[];
}

/** One type on one stream. */
export interface TypeSnapshot {
  readonly typeUrl: string;
  readonly isWildcard: boolean;
  readonly subscribedCount: number;
  /** Resources that the client has accepted. */
  readonly heldCount: number;
  readonly responsesSent: number;
  readonly bodiesSent: number;
  readonly bytesSent: number;
  readonly ackCount: number;
  readonly nackCount: number;
  readonly generationSent: number;
  readonly generationAcked: number;
  /** When the last response was sent, in milliseconds since the epoch; absent before the first. */
  readonly lastSentAtMs?: number;
  /** When the last ACK came; absent before the first. */
  readonly lastAckAtMs?: number;
  /** When the response that waits for an answer was sent, in milliseconds since the epoch. */
  readonly pendingSinceMs?: number;
  readonly rejected: readonly RejectedView[];
}

/** One stream. */
export interface StreamSnapshot {
  readonly types: readonly TypeSnapshot[];
  /** Everything up to this generation has been answered by the client. */
  readonly settledGeneration: number;
}

/** A picture of the types of one stream. */
export function inspect(
  types: Iterable<TypeState>,
  generation: number,
  nowMs: number,
): StreamSnapshot {
  let settled = generation;
  const views: TypeSnapshot[] = [];
  for (const type of types) {
    views.push(inspectType(type, nowMs));
    const waiting = [
      oldestGeneration(type.pending),
      type.inFlight?.oldest ?? Infinity,
      ...[...type.pending.removals.values()].map((todo) => todo.generation),
    ];
    settled = Math.min(settled, Math.min(...waiting) - 1);
  }
  return { types: views, settledGeneration: settled };
}

function inspectType(type: TypeState, nowMs: number): TypeSnapshot {
  let heldCount = 0;
  for (const { version } of type.held.values()) if (version !== undefined) heldCount += 1;
  return {
    typeUrl: type.rule.typeUrl,
    isWildcard: type.subscription.isWildcard,
    subscribedCount: type.subscription.names.size,
    heldCount,
    responsesSent: type.sent.responses,
    bodiesSent: type.sent.bodies,
    bytesSent: type.sent.bytes,
    ackCount: type.acked.count,
    nackCount: type.acked.nacks,
    generationSent: type.sent.generation,
    generationAcked: type.acked.generation,
    ...(type.sent.atMs === undefined ? {} : { lastSentAtMs: type.sent.atMs }),
    ...(type.acked.atMs === undefined ? {} : { lastAckAtMs: type.acked.atMs }),
    ...(type.inFlight === undefined
      ? {}
      : { pendingSinceMs: Math.min(type.inFlight.sentAtMs, nowMs) }),
    rejected: [...type.parked].map(([name, { resource, message }]) => ({
      name,
      version: resource.version,
      message,
      origins: resource.origins.map(({ object }) => object),
    })),
  };
}
