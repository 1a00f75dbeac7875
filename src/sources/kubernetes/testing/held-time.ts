/** Time that moves when told to: a wall clock, a monotonic clock, and timers that may be held back. */
import type { Clock } from '../../../lib/index.js';

/** One machine's time. */
export interface HeldTime extends Clock {
  monotonicMs(): number;
  /** Moves both clocks and runs what has fallen due. */
  advance(ms: number): void;
  /** Moves both clocks, and what falls due happens when it does, and goes on before anything else does. */
  elapse(ms: number): Promise<void>;
  /** Moves both clocks and runs nothing, as for a process that is stopped. */
  pass(ms: number): void;
  /** Sets the wall clock alone. */
  setWall(ms: number): void;
}

/** Time that stands at the machine's own. */
export function heldTime(): HeldTime {
  let wallMs = Date.now();
  let monotonicMs = 1_000;
  const tasks = new Set<{ readonly atMs: number; readonly task: () => void }>();
  const pass = (ms: number): void => {
    wallMs += ms;
    monotonicMs += ms;
  };
  return {
    now: () => wallMs,
    monotonicMs: () => monotonicMs,
    after: (delayMs, task) => {
      const entry = { atMs: monotonicMs + delayMs, task };
      tasks.add(entry);
      return () => void tasks.delete(entry);
    },
    pass,
    advance: (ms) => {
      pass(ms);
      for (const entry of [...tasks].sort((a, b) => a.atMs - b.atMs)) {
        if (entry.atMs <= monotonicMs && tasks.delete(entry)) entry.task();
      }
    },
    elapse: async (ms) => {
      const endMs = monotonicMs + ms;
      for (;;) {
        const [next] = [...tasks].sort((a, b) => a.atMs - b.atMs);
        if (next === undefined || next.atMs > endMs) break;
        tasks.delete(next);
        pass(Math.max(0, next.atMs - monotonicMs));
        next.task();
        await new Promise((resolve) => setImmediate(resolve));
      }
      pass(endMs - monotonicMs);
    },
    setWall: (ms) => {
      wallMs = ms;
    },
  };
}
