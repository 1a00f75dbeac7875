/** The certificate authority as the admin API shows it, and what may be done with it there. */
import type { AdminActions, AdminOutcome, CaRootView, CaView } from '../admin/index.js';
import {
  expiryAlarms,
  type Authority,
  type OpenSlots,
  type Rotation,
  type RotationView,
} from '../ca/index.js';
import type { Result } from '../lib/index.js';

/** Where it looks. */
export interface CaSources {
  readonly authority: Pick<Authority, 'slots' | 'trustDomain'>;
  readonly rotation: Pick<Rotation, 'view' | 'start' | 'abort'>;
  readonly replica: string;
  readonly isLeader: () => boolean;
  readonly now: () => number;
}

function rootViews({ active, next, retired }: OpenSlots): readonly CaRootView[] {
  return [active, next, retired].flatMap((slot): readonly CaRootView[] => {
    if (slot === undefined) return [];
    const { name, fingerprint, root, rootNotAfterMs, rootKey } = slot;
    const issuers = (['workload', 'server'] as const).flatMap((kind) => {
      const issuer = slot[kind];
      return issuer === undefined ? [] : [{ kind, notAfterMs: issuer.notAfterMs }];
    });
    return [
      {
        ...{ slot: name, fingerprint, issuers, hasKey: rootKey !== undefined },
        ...{ notBeforeMs: Date.parse(root.validFrom), notAfterMs: rootNotAfterMs },
      },
    ];
  });
}

/** The authority now. */
export function caView(from: CaSources): CaView {
  const { phase, mode, waiting, leftBehind, startedAtMs, sinceMs, problem } = from.rotation.view();
  return {
    ...{ replica: from.replica, isLeader: from.isLeader(), nowMs: from.now() },
    trustDomain: from.authority.trustDomain,
    roots: rootViews(from.authority.slots()),
    alarms: expiryAlarms(from.authority.slots(), from.now()).map(
      ({ what, notAfterMs, level, remedy }) => ({ what, notAfterMs, level, remedy }),
    ),
    rotation: {
      ...{ phase, mode, waiting, leftBehind },
      ...(startedAtMs !== undefined && { startedAtMs }),
      ...(sinceMs !== undefined && { sinceMs }),
      ...(problem !== undefined && { problem }),
    },
  };
}

/** What may be done. */
export function caActions(from: CaSources): AdminActions {
  const told = (outcome: Result<RotationView, string>): AdminOutcome<CaView> =>
    outcome.ok ? { ok: true, value: caView(from) } : { ok: false, error: outcome.error };
  return {
    rotate: async (mode) => told(await from.rotation.start(mode)),
    abortRotation: async () => told(await from.rotation.abort()),
  };
}
