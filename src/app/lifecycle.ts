/** What has been started, so that it is ended in reverse order, however far the start has come. Mutable state. */
import type { Logger } from '../lib/index.js';

/** Ends one part. */
export type Ending = () => Promise<void> | void;

/** The parts that run. */
export interface Lifecycle {
  /** Notes that a part runs now, and how it is ended. */
  onStop(ending: Ending): void;
  /** Ends every part, last first; one that fails to end holds none of the others back. */
  stop(): Promise<void>;
}

/** Nothing runs yet. */
export function createLifecycle(logger: Logger): Lifecycle {
  const endings: Ending[] = [];
  return {
    onStop(ending): void {
      endings.push(ending);
    },
    async stop(): Promise<void> {
      for (let ending = endings.pop(); ending !== undefined; ending = endings.pop()) {
        try {
          await ending();
        } catch (error) {
          logger.error('a part of the control plane did not end as it should', { error });
        }
      }
    },
  };
}
