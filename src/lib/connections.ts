/** How many connections a server holds: where there are more, those give way that have said nothing good yet. Mutable state. */
import type { Server, Socket } from 'node:net';

/** The connections of a server. */
export interface Connections {
  /** A connection has brought a whole request: `address` and `port` of its client. */
  proved(client: {
    readonly address?: string | undefined;
    readonly port?: number | undefined;
  }): void;
  size(): number;
  /** Ends all. */
  destroy(): void;
}

function nameOf(address = '', port = 0): string {
  return `${address}:${String(port)}`;
}

/**
 * Bounds a server before it listens: beyond `max` the oldest connection gives way that has brought no
 * request yet, and where all have, the oldest of these. So whoever connects by the thousand keeps
 * nobody out that needs a moment, and takes no memory without bound.
 */
export function boundConnections(server: Server, max: number): Connections {
  // In the order of arrival.
  const strangers = new Map<string, Socket>();
  const known = new Map<string, Socket>();
  server.on('connection', (socket: Socket) => {
    const name = nameOf(socket.remoteAddress, socket.remotePort);
    strangers.set(name, socket);
    socket.once('close', () => {
      // Another may have the same address and port by now.
      if (strangers.get(name) === socket) strangers.delete(name);
      if (known.get(name) === socket) known.delete(name);
    });
    if (strangers.size + known.size <= max) return;
    // The one that has just come is a stranger too.
    const from = strangers.size > 1 || known.size === 0 ? strangers : known;
    const [oldest] = from;
    if (oldest === undefined) return;
    from.delete(oldest[0]);
    oldest[1].destroy();
  });
  return {
    proved: ({ address, port }) => {
      const name = nameOf(address, port);
      const socket = strangers.get(name);
      if (socket === undefined) return;
      strangers.delete(name);
      known.set(name, socket);
    },
    size: () => strangers.size + known.size,
    destroy: () => {
      for (const socket of [...strangers.values(), ...known.values()]) socket.destroy();
    },
  };
}
