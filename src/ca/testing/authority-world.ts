/** Test support: an authority in a directory of its own, by a clock held still, and all that it says. */
import { join } from 'node:path';
import { spiffeId, type SpiffeId } from '../../model/index.js';
import { openAuthority, type Authority } from '../authority.js';
import type { AuthorityOptions, CaAuditEvent, CaWarning } from '../authority-options.js';
import type { Svid } from '../issued.js';
import { openDirectoryStore } from '../store-directory.js';
import { heldClock, temporaryDirectory, type HeldClock } from '../test-kit.js';

export const hourMs = 3_600_000;
export const dayMs: number = 24 * hourMs;
/** Whose certificates tests ask for. */
export const cart: SpiffeId = spiffeId('example.org', 'shop', 'cart');

/** What one test has for itself. */
export interface AuthorityWorld {
  readonly directory: string;
  readonly clock: HeldClock;
  readonly warnings: readonly CaWarning[];
  readonly audit: readonly CaAuditEvent[];
  /** Opens the authority of the directory, as a process that starts does. */
  readonly open: (more?: Partial<AuthorityOptions>) => Promise<Authority>;
  /** A path in the directory. */
  readonly fileIn: (...path: readonly string[]) => string;
}

/** A world whose directory is not there yet. */
export function createAuthorityWorld(): AuthorityWorld {
  const directory = join(temporaryDirectory(), 'ca');
  const clock = heldClock();
  const warnings: CaWarning[] = [];
  const audit: CaAuditEvent[] = [];
  return {
    ...{ directory, clock, warnings, audit },
    open: async (more = {}) =>
      openAuthority({
        store: more.store ?? (await openDirectoryStore(directory)),
        trustDomain: 'example.org',
        clock,
        random: () => 0.5,
        warn: (warning) => warnings.push(warning),
        audit: (line) => audit.push(line),
        ...more,
      }),
    fileIn: (...path) => join(directory, ...path),
  };
}

/** A certificate from the authority. @throws Error where it refuses. */
export async function issue(
  authority: Authority,
  csr: string,
  id: SpiffeId = cart,
  podUid = 'uid-1',
): Promise<Svid> {
  const issued = await authority.issue({ spiffeId: id, csr, podUid });
  if (!issued.ok) throw new Error(issued.error.detail);
  return issued.value;
}
