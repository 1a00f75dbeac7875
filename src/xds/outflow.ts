/** Bounds what has been written to all streams together and not been taken yet. Mutable state. */

/** The unsent bytes of all streams. */
export interface Outflow {
  add(bytes: number): void;
  remove(bytes: number): void;
  /** False: whoever has something to write waits until `onRoom`. */
  hasRoom(): boolean;
}

/**
 * An outflow that has room until `softBytes` are unsent, and again when half of that is left. Without
 * it a thousand streams that connect at once each have megabytes queued, and the process dies of it.
 */
export function createOutflow(options: {
  readonly softBytes: number;
  /** There is room again. */
  onRoom(): void;
}): Outflow {
  const { softBytes } = options;
  let unsent = 0;
  let isFull = false;
  return {
    add: (bytes) => {
      unsent += bytes;
      if (unsent >= softBytes) isFull = true;
    },
    remove: (bytes) => {
      unsent -= bytes;
      if (!isFull || unsent > softBytes / 2) return;
      isFull = false;
      options.onRoom();
    },
    hasRoom: () => !isFull,
  };
}
