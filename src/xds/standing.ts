/** How far a stream has come: what of the mesh is in force at its client. */
import type { ScopedView } from './cache.js';
import { oldestGeneration } from './pending.js';
import type { XdsResource } from './resource.js';
import type { ProtocolRules } from './rules.js';
import type { Replacement, TypeState } from './type-state.js';

/** A resource that the client refused, and what it goes on with instead. */
export interface RefusedResource {
  readonly resource: XdsResource;
  /** Absent: nothing, or a form that is known by its version only. */
  readonly held?: XdsResource;
  /** The client's own words. */
  readonly message: string;
}

/** How far a stream has come. */
export interface StreamStanding {
  /**
   * Everything up to this generation has been answered by the client, but for removals of what
   * nothing refers to any more. An answer that is overdue has not been given.
   */
  readonly answeredGeneration: number;
  /** Replaced resources whose connections may not have ended yet; the oldest first. */
  readonly replaced: readonly Replacement[];
  readonly refused: readonly RefusedResource[];
  /**
   * Whether the client holds everything that its scopes push, in the newest form that it has not
   * refused. Walks over all of it: for streams that have just begun.
   */
  isComplete(): boolean;
}

/** A stream, as far as this needs it. */
interface Stream {
  readonly types: ReadonlyMap<string, TypeState>;
  readonly rules: ProtocolRules;
  readonly isDelta: boolean;
  readonly view: Pick<ScopedView, 'eager' | 'generation'>;
}

/** The standing of a stream now: all but the generation is found when it is asked for. Hot: every sidecar is asked after a change. */
export function standingOf(stream: Stream): StreamStanding {
  return new Standing(stream);
}

class Standing implements StreamStanding {
  readonly answeredGeneration: number;
  readonly #stream: Stream;

  constructor(stream: Stream) {
    this.#stream = stream;
    let answered = stream.view.generation();
    for (const type of stream.types.values()) answered = Math.min(answered, answeredBy(type));
    this.answeredGeneration = answered;
  }

  get replaced(): readonly Replacement[] {
    let found: readonly Replacement[] = noReplacements;
    for (const { replaced } of this.#stream.types.values()) {
      if (replaced.length > 0) found = [...found, ...replaced];
    }
    return found;
  }

  get refused(): readonly RefusedResource[] {
    return [...this.#stream.types.values()].flatMap(({ parked, held }) =>
      [...parked].map(([name, { resource, message }]): RefusedResource => {
        const before = held.get(name)?.resource;
        return { resource, message, ...(before !== undefined && { held: before }) };
      }),
    );
  }

  isComplete(): boolean {
    return isComplete(this.#stream, this.refused.length > 0);
  }
}

const noReplacements: readonly Replacement[] = [];

function answeredBy({ pending, inFlight, lost }: TypeState): number {
  const flying = Math.min(inFlight?.oldest ?? Infinity, lost?.oldest ?? Infinity);
  return Math.min(oldestGeneration(pending), flying) - 1;
}

function isComplete({ types, rules, isDelta, view }: Stream, hasRefused: boolean): boolean {
  // What is sent last first: a stream that has just begun is found incomplete without a walk.
  return rules.types.toReversed().every(({ typeUrl, phase, isDemand, isFullSet }) => {
    // Types that follow from others: the client asks for them when it has the others.
    if (phase !== 'use' && !isDemand) return true;
    const pushed = view.eager(typeUrl);
    const type = types.get(typeUrl);
    if (type === undefined) {
      // Clients of the state of the world ask for what has no full set by name, or not at all.
      return pushed.size === 0 || hasRefused || (!isDelta && !isFullSet);
    }
    if (!hasRefused && type.held.size < pushed.size) return false;
    for (const [name, { version }] of pushed) {
      const isKnown = type.subscription.isWildcard || type.subscription.names.has(name);
      // What would ask for it may have been refused.
      if (!isKnown && hasRefused) continue;
      const isHeld = type.held.get(name)?.version === version;
      if (!isHeld && type.parked.get(name)?.resource.version !== version) return false;
    }
    return true;
  });
}
