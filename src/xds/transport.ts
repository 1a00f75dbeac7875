/** What the protocol needs of a transport; server.ts gives it over gRPC, tests give it by hand. */
import type { Result } from '../lib/index.js';

/** Why a stream is refused or ended; the words of gRPC's status codes. */
export type RefusalCode =
  | 'unauthenticated'
  | 'permission-denied'
  | 'invalid-argument'
  | 'failed-precondition'
  | 'resource-exhausted'
  | 'unavailable'
  | 'internal';

/** A refusal as the client sees it. */
export interface Refusal {
  readonly code: RefusalCode;
  readonly message: string;
}

/** The headers of a request, by lower-case name; of several values the first. */
export interface RequestMetadata {
  get(name: string): string | undefined;
}

/** One stream of the transport. */
export interface StreamPort {
  readonly isDelta: boolean;
  /** `address:port` of the client. */
  readonly peer: string;
  /** When its connection was accepted, in milliseconds since the epoch; absent where none is known. */
  readonly connectedAtMs?: number;
  readonly metadata: RequestMetadata;
  /** Called once, before anything else. `closed` is called once, however the stream ends. */
  listen(handlers: { message(bytes: Uint8Array): void; closed(): void }): void;
  /** Its client has been let in: from now on the connection is one that is kept. */
  admitted(): void;
  /** Takes messages from the wire; before the first call nothing is taken. */
  resume(): void;
  pause(): void;
  /** `flushed` is called when the bytes have left the process. */
  write(bytes: Uint8Array, flushed: () => void): void;
  /** Ends the stream after what has been written. */
  close(refusal: Refusal): void;
  /** Drops the stream, and if need be its connection, without waiting for anything. */
  destroy(): void;
}

/** A client of an {@link Intake} that was let in. */
export interface IntakeStream {
  /** Takes one message; where it throws, the stream is ended. */
  take(bytes: Uint8Array): void;
  /** Called once, however the stream ends. */
  closed(): void;
}

/** A service beside discovery to which clients stream messages; it answers nothing. */
export interface Intake {
  /** Of the gRPC method: `/package.Service/Method`. */
  readonly path: string;
  /**
   * Called before anything is taken from the wire; gives the stream, or why the client is turned away.
   * Where that throws, the stream is ended. `end` ends it later on.
   */
  open(
    metadata: RequestMetadata,
    peer: string,
    end: (refusal: Refusal) => void,
  ): Promise<Result<IntakeStream, Refusal>>;
}
