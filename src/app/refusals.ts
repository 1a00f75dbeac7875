/** What happens to clients that are turned away: they are counted, logged, and told why. */
import type { Logger } from '../lib/index.js';
import type { Metrics } from '../telemetry/index.js';
import type { Refusal as StreamRefusal } from '../xds/index.js';
import type { Refusal } from './identity.js';

/** Notes a refusal; returns what the client is told. `node`: the id that it gives itself. */
export type TurnAway = (refusal: Refusal, peer: string, node?: string) => StreamRefusal;

/** Notes refusals in the metrics and the log. */
export function createTurnAway(metrics: Metrics, logger: Logger): TurnAway {
  return (refusal, peer, node) => {
    metrics.refusedStreams.inc({ reason: refusal.reason });
    logger.warn('a stream was refused', {
      reason: refusal.reason,
      detail: refusal.message,
      peer,
      ...(node === undefined ? {} : { node }),
    });
    return { code: refusal.code, message: refusal.message };
  };
}
