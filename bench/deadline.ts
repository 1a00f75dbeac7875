/** When a bench gives up. */
import { setMaxListeners } from 'node:events';

/**
 * Aborts after `ms`, or with `interrupted`. Not by `AbortSignal.any` with `AbortSignal.timeout`: Node 20
 * collects a timeout that nobody else holds, and the wait never ends.
 */
export function deadlineAfter(ms: number, interrupted: AbortSignal): AbortSignal {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort(new DOMException(`not done in ${String(ms / 1000)} s`, 'TimeoutError'));
  }, ms);
  // Whoever is done needs no reminder to end.
  timer.unref();
  const interrupt = (): void => {
    controller.abort(interrupted.reason);
  };
  if (interrupted.aborted) interrupt();
  // One for each bench of a run: Node takes more than ten for a leak.
  setMaxListeners(0, interrupted);
  interrupted.addEventListener('abort', interrupt);
  return controller.signal;
}
