/** Watches how fast a client takes what is written to it. Mutable state. */

/** The writing side of one stream. */
export interface Flow {
  send(bytes: Uint8Array): void;
  /** True: write nothing more until `onDrained`. */
  isBlocked(): boolean;
  /** True: the client takes too long, or too much waits for it; it is to be dropped. */
  isStuck(): boolean;
  pendingBytes(): number;
}

/**
 * A flow that is blocked from `softBytes` on until half of that is left, and stuck when a single
 * write has been waiting for `stallMs` or more than `hardBytes` wait.
 */
export function createFlow(options: {
  write(bytes: Uint8Array, flushed: () => void): void;
  onDrained(): void;
  now(): number;
  readonly softBytes: number;
  readonly hardBytes: number;
  readonly stallMs: number;
}): Flow {
  // Writes are flushed in order, so the head is the oldest.
  const waiting: { readonly sinceMs: number; readonly size: number }[] = [];
  let pending = 0;
  let isBlocked = false;

  const flushed = (): void => {
    pending -= waiting.shift()?.size ?? 0;
    if (!isBlocked || pending > options.softBytes / 2) return;
    isBlocked = false;
    options.onDrained();
  };

  return {
    send: (bytes) => {
      waiting.push({ sinceMs: options.now(), size: bytes.length });
      pending += bytes.length;
      if (pending >= options.softBytes) isBlocked = true;
      options.write(bytes, flushed);
    },
    isBlocked: () => isBlocked,
    isStuck: () => {
      const [head] = waiting;
      if (head === undefined) return false;
      return pending > options.hardBytes || options.now() - head.sinceMs >= options.stallMs;
    },
    pendingBytes: () => pending,
  };
}
