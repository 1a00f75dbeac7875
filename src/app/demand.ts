/** Which cluster names sidecars have asked for, counted, so that each is computed once while anyone wants it. Mutable state. */
import type { Clock } from '../lib/index.js';

/** One name that appeared or went. */
export interface DemandChange {
  /** Cluster name as asked. */
  readonly name: string;
  /** Namespace of the sidecar that asked. */
  readonly namespace: string;
  readonly isWanted: boolean;
}

/** Counts who wants what; a name nobody wants any more is dropped after a while, so that a reconnect finds it warm. */
export interface DemandLedger {
  want(stream: string, namespace: string, name: string): void;
  release(stream: string, name: string): void;
  /** Everything this stream asked for. */
  end(stream: string): void;
  /** How many different names are wanted now. */
  size(): number;
}

/** A ledger that calls `onChange` when a (namespace, name) gets its first, or loses its last, asker. */
export function createDemandLedger(options: {
  readonly clock: Clock;
  readonly graceMs: number;
  readonly onChange: (change: DemandChange) => void;
}): DemandLedger {
  const streams = new Map<string, Map<string, string>>();
  const counts = new Map<string, number>();

  const keyOf = (namespace: string, name: string): string => `${namespace} ${name}`;

  const drop = (namespace: string, name: string): void => {
    options.clock.after(options.graceMs, () => {
      const key = keyOf(namespace, name);
      const left = (counts.get(key) ?? 0) - 1;
      if (left > 0) {
        counts.set(key, left);
        return;
      }
      counts.delete(key);
      options.onChange({ name, namespace, isWanted: false });
    });
  };

  return {
    want(stream, namespace, name): void {
      const names = streams.get(stream) ?? new Map<string, string>();
      streams.set(stream, names);
      if (names.has(name)) return;
      names.set(name, namespace);
      const key = keyOf(namespace, name);
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      if (count === 1) options.onChange({ name, namespace, isWanted: true });
    },
    release(stream, name): void {
      const namespace = streams.get(stream)?.get(name);
      if (namespace === undefined) return;
      streams.get(stream)?.delete(name);
      drop(namespace, name);
    },
    end(stream): void {
      for (const [name, namespace] of streams.get(stream) ?? []) drop(namespace, name);
      streams.delete(stream);
    },
    size: () => counts.size,
  };
}
