/** Watches how fast a client takes what is written to it. Mutable state. */
import type { Outflow } from './outflow.js';

/** The writing side of one stream. */
export interface Flow {
  send(bytes: Uint8Array): void;
  /** True: write nothing more until `onDrained`. */
  isBlocked(): boolean;
  /** True: the client takes too long, or too much waits for it; it is to be dropped. */
  isStuck(): boolean;
  pendingBytes(): number;
  /** To be called every now and then: a client that is slow is not waited for by the others. */
  tick(): void;
  /** Nothing will be taken any more. */
  end(): void;
}

/**
 * A flow that is blocked from `softBytes` on until half of that is left, and stuck when a single
 * write has been waiting for `stallMs` or more than `hardBytes` wait. Its bytes count in `outflow`
 * until a write has been waiting for `slowMs`, and then again once everything is taken.
 */
export function createFlow(options: {
  write(bytes: Uint8Array, flushed: () => void): void;
  onDrained(): void;
  now(): number;
  readonly softBytes: number;
  readonly hardBytes: number;
  readonly slowMs: number;
  readonly stallMs: number;
  readonly outflow: Pick<Outflow, 'add' | 'remove'>;
}): Flow {
  const { outflow } = options;
  // Writes are flushed in order, so the head is the oldest.
  const waiting: { readonly sinceMs: number; readonly size: number }[] = [];
  let pending = 0;
  let isBlocked = false;
  let isSlow = false;

  const flushed = (): void => {
    const size = waiting.shift()?.size ?? 0;
    pending -= size;
    if (!isSlow) outflow.remove(size);
    if (waiting.length === 0) isSlow = false;
    if (!isBlocked || pending > options.softBytes / 2) return;
    isBlocked = false;
    options.onDrained();
  };

  return {
    send: (bytes) => {
      waiting.push({ sinceMs: options.now(), size: bytes.length });
      pending += bytes.length;
      if (!isSlow) outflow.add(bytes.length);
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
    tick: () => {
      const [head] = waiting;
      if (isSlow || head === undefined || options.now() - head.sinceMs < options.slowMs) return;
      isSlow = true;
      outflow.remove(pending);
    },
    end: () => {
      if (!isSlow) outflow.remove(pending);
      waiting.length = 0;
      pending = 0;
      isSlow = false;
    },
  };
}
