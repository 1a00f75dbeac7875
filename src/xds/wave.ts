/** When resources that refer to others may go out: make before break. Mutable state; hot. */
import { oldestGeneration, postpone, promote } from './pending.js';
import type { XdsResource } from './resource.js';
import type { TypeState } from './type-state.js';

/** The waves of one stream. */
export interface Waves {
  /** The types by phase, in the order of pushes. */
  setTypes(make: readonly TypeState[], use: readonly TypeState[]): void;
  /** Sends what may be sent; `ship` returns false when the type has nothing to say. */
  advance(ship: (type: TypeState) => boolean): void;
  /** A name of a `make` type went away before it was sent, so what refers to it must not go out. */
  vanished(): void;
  /** True when all that refers to others has been answered, or waited for, up to `generation`. */
  isThrough(generation: number): boolean;
  /** True when nothing the client holds can still refer to what went away in `generation`. */
  mayRemove(generation: number): boolean;
  isActive(): boolean;
}

interface Wave {
  /** Contents are those of this generation. */
  readonly generation: number;
  stage: number;
}

/**
 * A wave fixes the contents of all `use` types at one generation, waits until everything of that
 * generation or older in the `make` types has been answered, and then sends one type after the
 * other, each when the one before has been answered. What changes meanwhile goes into the next
 * wave, so waves end, and a route never goes out before its cluster however fast changes come.
 * Each wait for an answer is bounded by `orderWaitMs`.
 */
export function createWaves(options: {
  readonly orderWaitMs: number;
  now(): number;
  generation(): number;
  newest(type: TypeState, name: string): XdsResource | undefined;
}): Waves {
  let make: readonly TypeState[] = [];
  let use: readonly TypeState[] = [];
  let wave: Wave | undefined;
  let completed = 0;
  const openedAtMs = options.now();

  const hasWork = (): boolean =>
    use.some(
      ({ pending, owesAnswer }) => owesAnswer || pending.next.size > 0 || pending.now.size > 0,
    );

  const start = (): Wave => {
    for (const type of use) promote(type.pending, (name) => options.newest(type, name));
    return { generation: options.generation(), stage: 0 };
  };

  const isOver = (sinceMs: number): boolean => options.now() - sinceMs >= options.orderWaitMs;

  const isSent = (generation: number): boolean =>
    make.every(({ pending }) => oldestGeneration(pending) > generation);

  const isAnswered = (generation: number): boolean =>
    make.every(
      ({ inFlight }) =>
        inFlight === undefined || inFlight.oldest > generation || isOver(inFlight.sentAtMs),
    );

  /** True: the wave is through. False: it waits. */
  const run = (current: Wave, ship: (type: TypeState) => boolean): boolean => {
    if (!isSent(current.generation) || !isAnswered(current.generation)) return false;
    for (; current.stage < use.length; current.stage += 1) {
      const type = use[current.stage];
      if (type === undefined) break;
      if (type.inFlight === undefined) ship(type);
      // Read again: sending fills it.
      const { inFlight } = type;
      if (inFlight !== undefined && !isOver(inFlight.sentAtMs)) return false;
    }
    return true;
  };

  const isThrough = (generation: number): boolean =>
    generation <= completed || (wave === undefined && !hasWork());

  return {
    isThrough,
    setTypes: (nextMake, nextUse) => {
      // A type that joins in the middle waits for the next wave.
      const present = wave === undefined ? undefined : use[wave.stage];
      make = nextMake;
      use = nextUse;
      if (wave !== undefined && present !== undefined) {
        wave.stage = Math.max(0, use.indexOf(present));
      }
    },
    advance: (ship) => {
      while (wave !== undefined || hasWork()) {
        const current: Wave = wave ?? start();
        wave = current;
        if (!run(current, ship)) return;
        completed = current.generation;
        wave = undefined;
        // Everything left waits for a lost answer.
        if (use.every(({ inFlight, pending }) => inFlight !== undefined || isEmpty(pending)))
          return;
      }
    },
    vanished: () => {
      if (wave === undefined) return;
      wave = undefined;
      for (const { pending } of use) postpone(pending);
    },
    mayRemove: (generation) => {
      // A client that reconnects may not have said yet what else it holds, and what that refers to.
      if (!isOver(openedAtMs)) return false;
      // Where a new form was refused the client still uses the old one, and what that refers to.
      const isStale = use.some(({ parked, held }) =>
        [...parked.keys()].some((name) => held.get(name)?.version !== undefined),
      );
      if (isStale) return false;
      return isThrough(generation);
    },
    isActive: () => wave !== undefined,
  };
}

function isEmpty(pending: TypeState['pending']): boolean {
  return pending.next.size === 0 && pending.now.size === 0;
}
