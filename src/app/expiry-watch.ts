/** Says in the log what of the authority ends soon: once for each level, and again every day. Mutable state. */
import { expiryAlarms, type Authority } from '../ca/index.js';
import type { Clock, Logger } from '../lib/index.js';

const everyMs = 60 * 60 * 1000;
const againMs = 24 * 60 * 60 * 1000;

/** Looks now and every hour; the returned function ends that. */
export function watchExpiry(options: {
  readonly authority: Pick<Authority, 'slots'>;
  readonly clock: Clock;
  readonly logger: Logger;
}): () => void {
  const { authority, clock, logger } = options;
  const told = new Map<string, number>();
  let cancel = (): void => undefined;
  const look = (): void => {
    const nowMs = clock.now();
    for (const { what, root, notAfterMs, level, remedy } of expiryAlarms(
      authority.slots(),
      nowMs,
    )) {
      const key = `${what} ${root} ${String(notAfterMs)} ${String(level)}`;
      if (nowMs - (told.get(key) ?? Number.NEGATIVE_INFINITY) < againMs) continue;
      told.set(key, nowMs);
      // Not `level`, which is the line's own.
      const notAfter = new Date(notAfterMs).toISOString();
      const fields = { what, root, notAfter, withinDays: level, remedy };
      if (level <= 7) logger.error('a certificate of the authority ends soon', fields);
      else logger.warn('a certificate of the authority ends soon', fields);
    }
    cancel = clock.after(everyMs, look);
  };
  look();
  return () => {
    cancel();
  };
}
