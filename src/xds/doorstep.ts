/** Connections, and which of them have brought a client that was let in. Mutable state. */
import type { Socket } from 'node:net';
import type { Clock } from '../lib/index.js';

/** A connection. */
export interface Connection {
  readonly socket: Socket;
  /** When it was accepted, in milliseconds since the epoch. */
  readonly sinceMs: number;
}

/** `address:port` of a connection's client. */
export function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress ?? ''}:${String(remotePort ?? 0)}`;
}

/** All connections of a server. */
export interface Doorstep {
  /** Takes a connection in; false: there is no room, and it has been closed. */
  add(socket: Socket): boolean;
  /** By `address:port` of the client; undefined: it is gone. */
  get(peer: string): Connection | undefined;
  /** A client on it was let in. */
  admitted(peer: string): void;
  size(): number;
  /** Closes all. */
  clear(): void;
}

/**
 * Whoever connects has `proofMs` to be let in. Where `max` connections are open, the oldest that has
 * not been gives way to the next: thousands that say nothing keep no sidecar out, since a sidecar
 * needs its place for moments only until it is let in.
 */
export function createDoorstep(options: {
  readonly clock: Clock;
  readonly max: number;
  readonly proofMs: number;
}): Doorstep {
  const { clock, max, proofMs } = options;
  const all = new Map<string, Connection>();
  // In the order of arrival.
  const strangers = new Map<string, () => void>();

  const accept = (peer: string): void => {
    strangers.get(peer)?.();
    strangers.delete(peer);
  };

  const turnAway = (peer: string): void => {
    const socket = all.get(peer)?.socket;
    accept(peer);
    all.delete(peer);
    socket?.destroy();
  };

  return {
    add: (socket) => {
      const peer = peerOf(socket);
      if (all.size >= max) {
        const [oldest] = strangers.keys();
        if (oldest === undefined) {
          socket.destroy();
          return false;
        }
        turnAway(oldest);
      }
      const connection = { socket, sinceMs: clock.now() };
      all.set(peer, connection);
      strangers.set(
        peer,
        clock.after(proofMs, () => {
          turnAway(peer);
        }),
      );
      socket.once('close', () => {
        // Another may have the same address and port by now.
        if (all.get(peer) !== connection) return;
        accept(peer);
        all.delete(peer);
      });
      return true;
    },
    get: (peer) => all.get(peer),
    admitted: accept,
    size: () => all.size,
    clear: () => {
      for (const { socket } of [...all.values()]) socket.destroy();
    },
  };
}
