/** The keys with which a cluster signs service account tokens, held and renewed. Mutable. */
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../lib/index.js';

/** What an API server publishes for those who check tokens (OpenID Connect Discovery 1.0). */
export interface ServiceAccountKeys {
  /** The `iss` of its tokens. */
  readonly issuer: string;
  /** A JSON Web Key Set, parsed. */
  readonly keySet: unknown;
}

/** The keys that are held. */
export interface HeldKeys {
  readonly issuer: string;
  readonly getKey: JWTVerifyGetKey;
}

/** The holder. */
export interface KeyHolder {
  /** Undefined: nothing was ever read, or the cluster publishes none. */
  current(): HeldKeys | undefined;
  /** Reads them anew, once for all who ask at the same time; the old ones stay until then. */
  refresh(): Promise<void>;
  /** Likewise, but not more often than every ten seconds; false: they were not read. */
  refreshForStranger(): Promise<boolean>;
}

// Whoever can open a connection can name keys that nobody knows.
const strangerEveryMs = 10_000;

function isKeySet(value: unknown): value is JSONWebKeySet {
  return (
    typeof value === 'object' && value !== null && 'keys' in value && Array.isArray(value.keys)
  );
}

/** Holds nothing yet. `fetchKeys` resolves to undefined where the cluster publishes no keys. */
export function createKeyHolder(
  clock: Clock,
  fetchKeys: () => Promise<ServiceAccountKeys | undefined>,
): KeyHolder {
  let held: HeldKeys | undefined;
  let reading: Promise<void> | undefined;
  let lastStrangerMs = Number.NEGATIVE_INFINITY;

  const read = async (): Promise<void> => {
    const found = await fetchKeys();
    if (found === undefined) {
      held = undefined;
      return;
    }
    if (!isKeySet(found.keySet))
      throw new Error('expected a JSON Web Key Set, found something else');
    held = { issuer: found.issuer, getKey: createLocalJWKSet(found.keySet) };
  };
  const refresh = (): Promise<void> => {
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  };
  return {
    current: () => held,
    refresh,
    refreshForStranger: async () => {
      if (reading === undefined) {
        // A clock that was set back must not end this for hours.
        const passedMs = Math.abs(clock.now() - lastStrangerMs);
        if (passedMs < strangerEveryMs) return false;
        lastStrangerMs = clock.now();
      }
      return refresh().then(
        () => true,
        () => false,
      );
    },
  };
}
