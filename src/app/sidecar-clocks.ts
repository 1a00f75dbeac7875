/** How far the clocks of connected sidecars are from ours, as each says where it opens a stream. Mutable state. */
import type { Clock, Logger } from '../lib/index.js';

/** The clocks of the sidecars of this replica. */
export interface SidecarClocks {
  /** What a stream says of its time: how far it is ahead, in milliseconds; undefined: it does not say. */
  read(said: string | undefined): number | undefined;
  /** A stream of a proxy was let in, whose clock is this far ahead. */
  opened(streamId: string, proxy: string, aheadMs: number | undefined): void;
  closed(streamId: string): void;
  /** How many are wrong by more than {@link clockToleranceMs}. */
  wrong(): number;
}

/**
 * A stream is opened in whole seconds, and may wait for its connection. Certificates are dated back
 * 5 minutes: this leaves room for what is still to come.
 */
export const clockToleranceMs = 60_000;

/** `48 s ahead`, or behind. */
export function describeSkew(aheadMs: number): string {
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  return `${String(seconds)} s ${aheadMs < 0 ? 'behind' : 'ahead'}`;
}

/** Clocks of nobody yet. */
export function createSidecarClocks(options: {
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Pick<Logger, 'warn'>;
}): SidecarClocks {
  const { clock, logger } = options;
  const wrong = new Set<string>();
  return {
    read(said): number | undefined {
      if (said === undefined || !/^\d{1,12}$/.test(said)) return undefined;
      return Number(said) * 1000 - clock.now();
    },
    opened(streamId, proxy, aheadMs): void {
      if (aheadMs === undefined || Math.abs(aheadMs) <= clockToleranceMs) return;
      wrong.add(streamId);
      logger.warn('the clock of a sidecar and ours differ', {
        proxy,
        skew: describeSkew(aheadMs),
        remedy: 'set the clock of its node, or of ours, by NTP',
      });
    },
    closed(streamId): void {
      wrong.delete(streamId);
    },
    wrong: () => wrong.size,
  };
}
