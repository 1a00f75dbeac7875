/** Which certificates of the authority end soon, and what is to be done about it. Pure. */
import type { OpenSlots } from './open-slots.js';
import type { Slot } from './slot.js';

const dayMs = 24 * 60 * 60 * 1000;

/** Days before the end at which an alarm is raised, and raised again. */
export const alarmDays: readonly number[] = [90, 30, 7];

/** Something that ends soon. */
export interface ExpiryAlarm {
  readonly what: 'root' | 'workload-issuer' | 'server-issuer';
  /** Fingerprint of the root, or of the root behind it. */
  readonly root: string;
  readonly notAfterMs: number;
  /** The smallest of `alarmDays` that is not over, 0 when it has ended. */
  readonly level: number;
  readonly remedy: string;
}

/** When what signs now ends: the root, and its intermediates. */
export function caEnds({ active }: Pick<OpenSlots, 'active'>): readonly {
  readonly certificate: ExpiryAlarm['what'];
  readonly notAfterMs: number;
}[] {
  const issuers = (['workload', 'server'] as const).flatMap((kind) => {
    const issuer = active[kind];
    const certificate = `${kind}-issuer` as const;
    return issuer === undefined ? [] : [{ certificate, notAfterMs: issuer.notAfterMs }];
  });
  return [{ certificate: 'root', notAfterMs: active.rootNotAfterMs }, ...issuers];
}

/** The level of something that ends then; undefined: there is time. */
export function alarmLevel(notAfterMs: number, nowMs: number): number | undefined {
  if (nowMs >= notAfterMs) return 0;
  const reached = alarmDays.filter((days) => notAfterMs - nowMs <= days * dayMs);
  return reached.length === 0 ? undefined : Math.min(...reached);
}

function issuerRemedy({ rootKey }: Slot): string {
  return rootKey === undefined
    ? 'the key of the root is elsewhere: run skerry ca csr, have its requests signed there by skerry ca sign, and bring the answer in by skerry ca import FILE'
    : 'it should have been renewed by itself: see the warnings of the control plane';
}

/**
 * What ends soon of the slot that signs. An intermediate that is renewed here, at two thirds of its
 * life, comes this far only where that fails; a root that signs nothing any more may end.
 */
export function expiryAlarms(
  { active }: Pick<OpenSlots, 'active'>,
  nowMs: number,
): readonly ExpiryAlarm[] {
  const root = active.fingerprint;
  const rootLevel = alarmLevel(active.rootNotAfterMs, nowMs);
  const issuers = (['workload', 'server'] as const).flatMap((kind): readonly ExpiryAlarm[] => {
    const issuer = active[kind];
    const level = issuer === undefined ? undefined : alarmLevel(issuer.notAfterMs, nowMs);
    if (issuer === undefined || level === undefined) return [];
    const { notAfterMs } = issuer;
    return [{ what: `${kind}-issuer`, root, notAfterMs, level, remedy: issuerRemedy(active) }];
  });
  if (rootLevel === undefined) return issuers;
  const way =
    active.rootKey === undefined
      ? 'make the next one where the key of this one is, by skerry ca init --offline, and bring it by skerry ca csr, sign and import as it was itself'
      : 'replace it by skerry ca rotate';
  const remedy = `${way}, which takes as long as certificates of workloads live`;
  return [
    { what: 'root', root, notAfterMs: active.rootNotAfterMs, level: rootLevel, remedy },
    ...issuers,
  ];
}
