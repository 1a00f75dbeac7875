/** Whether a control plane can serve everybody, and if not, why. Mutable state. */

/** Readiness, as it changes. */
export interface Readiness {
  now(): { readonly ready: boolean; readonly reasons: readonly string[] };
  /** What the start waits for; undefined: nothing any more. */
  blockedBy(reason: string | undefined): void;
  /** What else to ask, once it is there to be asked. */
  ask(waiting: () => readonly string[]): void;
  /** Everything is there. */
  serving(): void;
  /** It is about to end: nobody new should come. */
  stopping(): void;
}

type Phase = 'starting' | 'serving' | 'stopping';

/** A control plane that is starting. */
export function createReadiness(): Readiness {
  let phase: Phase = 'starting';
  let blocked: string | undefined;
  let waiting = (): readonly string[] => [];
  return {
    now(): { readonly ready: boolean; readonly reasons: readonly string[] } {
      const found = [...(blocked === undefined ? [] : [blocked]), ...waiting()];
      const reasons = phase === 'serving' ? found : [phase, ...found];
      return { ready: reasons.length === 0, reasons };
    },
    blockedBy(reason): void {
      blocked = reason;
    },
    ask(further): void {
      waiting = further;
    },
    serving(): void {
      phase = 'serving';
    },
    stopping(): void {
      phase = 'stopping';
    },
  };
}
