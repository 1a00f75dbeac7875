/** One signal out of several, for as long as something runs. */
import { setMaxListeners } from 'node:events';

/**
 * Runs `task` with a signal that aborts with the first of `sources`, for its reason. Nothing of it is
 * left in the sources afterwards; `AbortSignal.any` of Node 20 leaves a WeakRef in each for as long as
 * that lives, and some here live as long as the program.
 */
export async function withSignals<T>(
  sources: readonly AbortSignal[],
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const onAbort = ({ target }: Event): void => {
    own.abort((target as AbortSignal).reason);
  };
  for (const source of sources) {
    if (source.aborted) own.abort(source.reason);
    else {
      // As many as there are tasks at a time; Node takes more than ten for a leak.
      setMaxListeners(0, source);
      source.addEventListener('abort', onAbort, { once: true });
    }
  }
  try {
    return await task(own.signal);
  } finally {
    for (const source of sources) source.removeEventListener('abort', onAbort);
  }
}
