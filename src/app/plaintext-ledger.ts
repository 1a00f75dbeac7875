/** Who calls which pod without mutual TLS, as its sidecar reports it. Mutable state. */
import type { PodKey } from '../model/index.js';

/** What one address has called of one port. */
export interface PlaintextCalls {
  readonly port: number;
  readonly address: string;
  /** Reports: a lower bound of calls. */
  readonly count: number;
  /** Milliseconds since the epoch. */
  readonly firstMs: number;
  readonly lastMs: number;
}

/** The reports that this control plane has had. */
export interface PlaintextLedger {
  note(pod: PodKey, port: number, address: string): void;
  /** The latest first. */
  of(pod: PodKey): readonly PlaintextCalls[];
}

/** Kept of a pod: who calls from ever new addresses must not fill the memory. */
const maxCallers = 64;

/** Nothing is noted yet. `isKnown`: what pods that are gone have reported is forgotten. */
export function createPlaintextLedger(options: {
  readonly isKnown: (pod: PodKey) => boolean;
  readonly now: () => number;
}): PlaintextLedger {
  const { isKnown, now } = options;
  /** By pod, and then by port and address; the latest last. */
  const pods = new Map<PodKey, Map<string, PlaintextCalls>>();
  const forget = (): void => {
    for (const pod of pods.keys()) if (!isKnown(pod)) pods.delete(pod);
  };
  return {
    note(pod, port, address): void {
      let calls = pods.get(pod);
      if (calls === undefined) {
        forget();
        calls = new Map();
        pods.set(pod, calls);
      }
      const key = `${String(port)} ${address}`;
      const known = calls.get(key);
      calls.delete(key);
      const lastMs = now();
      const firstMs = known?.firstMs ?? lastMs;
      calls.set(key, { port, address, count: (known?.count ?? 0) + 1, firstMs, lastMs });
      const [oldest] = calls.keys();
      if (calls.size > maxCallers && oldest !== undefined) calls.delete(oldest);
    },
    of: (pod) => [...(pods.get(pod)?.values() ?? [])].reverse(),
  };
}
