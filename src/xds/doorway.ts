/** Lets connections in a few at a time, addresses by turns, so that a thousand at once do not hold the event loop. Mutable state. */
import type { Clock } from '../lib/index.js';
import { createTurnstile } from './turnstile.js';

/** One connection in line. */
export interface Comer {
  /** `address:port`. */
  readonly peer: string;
  readonly address: string;
  /** Begins its handshake. */
  readonly enter: () => void;
  /** Whether nothing has come of it yet. */
  readonly isSilent: () => boolean;
}

/** The way in. */
export interface Doorway {
  /** Puts a connection in line; it enters in a turn of the event loop of its own, once there is room. */
  add(comer: Comer): void;
  /** It has opened a stream, or is gone. */
  leave(peer: string): void;
}

/**
 * No more than `places` connections are between their first byte and their first stream: a poll of the
 * event loop takes up all that is ready, and two hundred handshakes that were answered at once held
 * it for 85 ms. Who has said nothing for `silenceMs`, or takes longer than `patienceMs`, counts no
 * more, so that clients who do not go on hold nobody up for long. Addresses take turns: the thousands
 * of one do not stand before the one of another.
 */
export function createDoorway(options: {
  readonly clock: Pick<Clock, 'after'>;
  readonly places: number;
  readonly silenceMs: number;
  readonly patienceMs: number;
  /** Runs its argument after the event loop has had a turn. */
  readonly defer: (task: () => void) => void;
}): Doorway {
  const { clock, places, silenceMs, patienceMs } = options;
  const turnstile = createTurnstile(options.defer);
  // By address; the first line has the next turn.
  const lines = new Map<string, Comer[]>();
  const inside = new Map<string, () => void>();

  const next = (): Comer | undefined => {
    for (const [address, line] of lines) {
      const comer = line.shift();
      lines.delete(address);
      if (line.length > 0) lines.set(address, line);
      if (comer !== undefined) return comer;
    }
    return undefined;
  };

  const waitFor = (peer: string, isSilent: () => boolean): void => {
    // It has gone before its turn came.
    if (!inside.has(peer)) return;
    const forget = (): void => {
      leave(peer);
    };
    const cancels = [
      clock.after(silenceMs, () => {
        if (isSilent()) forget();
      }),
      clock.after(patienceMs, forget),
    ];
    inside.set(peer, () => {
      for (const cancel of cancels) cancel();
    });
  };

  const admit = (): void => {
    while (inside.size < places) {
      const comer = next();
      if (comer === undefined) return;
      const { peer, enter, isSilent } = comer;
      inside.set(peer, () => undefined);
      turnstile.add(() => {
        waitFor(peer, isSilent);
        enter();
      });
    }
  };

  const leave = (peer: string): void => {
    const cancel = inside.get(peer);
    if (cancel === undefined) return;
    cancel();
    inside.delete(peer);
    admit();
  };

  return {
    add(comer): void {
      const line = lines.get(comer.address);
      if (line === undefined) lines.set(comer.address, [comer]);
      else line.push(comer);
      admit();
    },
    leave,
  };
}
