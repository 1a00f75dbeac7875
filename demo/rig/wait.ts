/** Waits until something holds, with an end. */

/** What was waited for did not come in time. */
export class WaitTimeout extends Error {
  readonly code = 'WAIT_TIMEOUT';

  constructor(what: string, timeoutMs: number, last: string) {
    super(
      `${what} did not come within ${timeoutMs} ms${last === '' ? '' : `; last seen: ${last}`}`,
    );
    this.name = 'WaitTimeout';
  }
}

/** How to wait. */
export interface WaitOptions {
  /** For the message: what is waited for. */
  readonly what: string;
  readonly timeoutMs: number;
  /** Between looks; default 50. */
  readonly intervalMs?: number;
  /** Ends the wait with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * Looks until `look` returns something else than undefined, and returns that. A look that throws
 * counts as not yet; its message is in the WaitTimeout that is thrown at the end.
 */
export async function waitFor<T>(
  options: WaitOptions,
  look: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = performance.now() + options.timeoutMs;
  let last = '';
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    if (performance.now() >= deadline) throw new WaitTimeout(options.what, options.timeoutMs, last);
    await new Promise((resolve) => setTimeout(resolve, options.intervalMs ?? 50));
  }
}
