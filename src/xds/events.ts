/** What the protocol tells the outside, and what it asks of it. */
import type { DiscoveryNode } from '../envoy/index.js';
import type { Result } from '../lib/index.js';
import type { XdsResource } from './resource.js';
import type { StreamSnapshot } from './stream-snapshot.js';
import type { Refusal, RequestMetadata } from './transport.js';

/** Which stream an event is about. */
export interface StreamRef {
  readonly streamId: string;
  readonly proxyId: string;
  /** From far to near. */
  readonly scopes: readonly string[];
}

/** Told of what streams do; handlers must not throw and should return quickly. */
export interface DiscoveryEvents {
  /**
   * A stream wants, or no longer wants, a name of a type that is made on demand. When a stream
   * ends, everything it wanted is taken back. Counting is the receiver's job.
   */
  onDemand(
    stream: StreamRef,
    demand: { readonly typeUrl: string; readonly name: string; readonly isWanted: boolean },
  ): void;
  /** The client has accepted these, or says after a reconnect that it holds them. */
  onAck(
    stream: StreamRef,
    ack: {
      readonly typeUrl: string;
      readonly resources: readonly XdsResource[];
      readonly removed: readonly string[];
    },
  ): void;
  /**
   * The client has refused a response. `isCertain`: exactly these resources, which are parked on
   * this stream; otherwise one or more of them, which are being sent again apart.
   */
  onNack(
    stream: StreamRef,
    nack: {
      readonly typeUrl: string;
      readonly resources: readonly XdsResource[];
      readonly isCertain: boolean;
      readonly message: string;
    },
  ): void;
  /** An admitted stream. */
  onOpen(stream: StreamRef): void;
  /** An admitted stream has ended; `reason` is a constant of ours or the message of the refusal. */
  onClose(stream: StreamRef, reason: string): void;
  /** A stream was turned away before it was admitted. */
  onRefused(peer: string, refusal: Refusal): void;
  /** A stream asked for more names than it may; they stay without an answer. */
  onNamesRefused(stream: StreamRef, typeUrl: string, count: number): void;
  /** A response was larger than it should be: it could not be split. */
  onOversized?(stream: StreamRef, typeUrl: string, bytes: number): void;
  /** A bug, caught at the fence of a stream, which it has ended. */
  onError(error: unknown): void;
}

/** Who is at the other end, as its credentials say. */
export interface StreamIdentity {
  /** When the credentials expire, in milliseconds since the epoch; the stream ends then. */
  readonly expiresAtMs?: number;
}

/** What an admitted stream is given. */
export interface Admission {
  /** From far to near. */
  readonly scopes: readonly string[];
  readonly proxyId: string;
}

/** What the outside decides about streams. */
export interface DiscoveryDoor<I extends StreamIdentity> {
  /** Called before any message is read. */
  authenticate(metadata: RequestMetadata, peer: string): Promise<Result<I, Refusal>>;
  /** Called with the node of the first request; must check that it agrees with the identity. */
  admit(request: {
    readonly identity: I;
    readonly node: DiscoveryNode;
    readonly streamId: string;
    readonly isDelta: boolean;
    readonly peer: string;
  }): Promise<Result<Admission, Refusal>>;
  /** Called once for every stream that `admit` has let in, when it has ended. */
  release(streamId: string): void;
}

/** One connected stream, for `skerry proxies`. */
export interface ProxySnapshot<I> extends StreamRef {
  /** As authenticated. */
  readonly identity: I;
  readonly nodeId: string;
  /** Like `1.40.0`; empty where the client does not say. */
  readonly clientVersion: string;
  readonly peer: string;
  readonly isDelta: boolean;
  /** When the stream was admitted, in milliseconds since the epoch. */
  readonly connectedSinceMs: number;
  /** When its connection was accepted, which may be older; absent where none is known. */
  readonly connectionSinceMs?: number;
  /** Bytes that the client has not taken yet. */
  readonly unsentBytes: number;
  readonly state: StreamSnapshot;
}
