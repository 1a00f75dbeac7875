/** Puts the authority's Secret back when it has been deleted: the running replicas still know what it held. */
import type { Clock, Logger } from '../../lib/index.js';
import type { SecretCaStore } from './secret-ca-store.js';

/** The keeper. */
export interface SecretCaKeeper {
  start(): void;
  /** Looks now; also done every half minute. */
  look(): Promise<void>;
  stop(): void;
}

const everyMs = 30_000;

/** A keeper at rest. Only the replica that leads looks. */
export function createSecretCaKeeper(options: {
  readonly store: Pick<SecretCaStore, 'restore'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly mayWrite: () => boolean;
}): SecretCaKeeper {
  const { store, clock, logger, mayWrite } = options;
  let cancel = (): void => undefined;
  const look = async (): Promise<void> => {
    if (!mayWrite()) return;
    try {
      if (await store.restore()) {
        logger.error('the secret of the certificate authority was deleted and has been put back');
      }
    } catch (error) {
      logger.warn('the secret of the certificate authority cannot be looked at', { error });
    }
  };
  const schedule = (): void => {
    cancel = clock.after(everyMs, () => {
      schedule();
      void look();
    });
  };
  return {
    start: schedule,
    look,
    stop: () => {
      cancel();
    },
  };
}
