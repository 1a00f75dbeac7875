/** When a workload's certificate is renewed: decisions on numbers, no clock and no keys. */

/** How far the moment of renewal may lie from half life, as a share of half life. */
export const renewalJitter = 0.1;

/** A certificate's life as its holder sees it, in milliseconds since the Unix epoch. */
export interface SvidLife {
  /** When it was signed; its `notBefore` lies earlier, for clocks that run behind. */
  readonly issuedAtMs: number;
  readonly notAfterMs: number;
}

/**
 * When to renew: at half life ± 10 % (45 to 55 % of the life), so that certificates of pods that
 * started together do not all fall due together. `random` yields numbers in [0, 1).
 */
export function renewalTimeMs(life: SvidLife, random: () => number): number {
  const halfLifeMs = (life.notAfterMs - life.issuedAtMs) / 2;
  const factor = 1 + (random() * 2 - 1) * renewalJitter;
  return Math.round(life.issuedAtMs + halfLifeMs * factor);
}

/** How often a certificate is looked at that the clock says is not valid yet, as a share of the wait for its renewal. */
const doubtShare = 0.1;

/**
 * How long to wait for the renewal, 0 when it is due. A clock set back makes nothing due: mass
 * re-issue helps nobody there. Where it says that the certificate is not valid yet, it is wrong or
 * was, and the wait is short, so that nobody waits a year once it has been put right.
 */
export function renewalDelayMs(
  { notBeforeMs, renewAtMs }: { readonly notBeforeMs: number; readonly renewAtMs: number },
  nowMs: number,
): number {
  if (nowMs < notBeforeMs) return (renewAtMs - notBeforeMs) * doubtShare;
  return Math.max(0, renewAtMs - nowMs);
}
