/** What happens to clients that are turned away: they are counted, logged, and told why. Mutable state. */
import type { Clock, Logger } from '../lib/index.js';
import type { Metrics } from '../telemetry/index.js';
import type { Refusal as StreamRefusal } from '../xds/index.js';
import type { Refusal } from './identity.js';

/** Notes a refusal; returns what the client is told. `node`: the id that it gives itself. */
export type TurnAway = (refusal: Refusal, peer: string, node?: string) => StreamRefusal;

/** So many lines at once, and then one for each so many milliseconds: anybody may be refused, as often as he likes. */
const linesAtOnce = 100;
const msPerLine = 200;

/**
 * Notes refusals in the metrics, each of them, and in the log, where those that come in masses are
 * left out; the next line says how many were (`unlogged`).
 */
export function createTurnAway(
  metrics: Pick<Metrics, 'refusedStreams'>,
  logger: Logger,
  clock: Pick<Clock, 'now'>,
): TurnAway {
  let lines = linesAtOnce;
  let atMs = clock.now();
  let unlogged = 0;

  const mayLog = (): boolean => {
    const nowMs = clock.now();
    lines = Math.min(linesAtOnce, lines + Math.max(0, nowMs - atMs) / msPerLine);
    atMs = nowMs;
    if (lines < 1) return false;
    lines -= 1;
    return true;
  };

  return (refusal, peer, node) => {
    metrics.refusedStreams.inc({ reason: refusal.reason });
    if (mayLog()) {
      logger.warn('a stream was refused', {
        reason: refusal.reason,
        detail: refusal.message,
        peer,
        ...(node === undefined ? {} : { node }),
        ...(unlogged > 0 && { unlogged }),
      });
      unlogged = 0;
    } else unlogged += 1;
    return { code: refusal.code, message: refusal.message };
  };
}
