/** What parts of a control plane hear of its turns and streams. Holds state: who listens. */
import type { PolicyKey } from '../model/index.js';
import type { DiagnosticChange } from '../translators/index.js';
import type { ResourceChange, StreamRef } from '../xds/index.js';

/** A turn that is over; what it led to is on its way to the sidecars. */
export interface TurnNews {
  readonly generation: number;
  /** Policies whose form in force was set, perhaps to what it was. */
  readonly policies: readonly PolicyKey[];
  readonly resources: readonly ResourceChange[];
  readonly diagnostics: readonly DiagnosticChange[];
}

/** Something that a sidecar's stream did. */
export interface StreamNews {
  readonly kind: 'opened' | 'closed' | 'accepted' | 'refused';
  readonly stream: StreamRef;
}

/** The news; listeners must not throw and should return quickly. */
export interface News {
  onTurn(listener: (turn: TurnNews) => void): void;
  onStream(listener: (news: StreamNews) => void): void;
}

/** The news, and those who bring it. */
export interface Newsroom extends News {
  tellTurn(turn: TurnNews): void;
  tellStream(news: StreamNews): void;
}

/** Nobody listens yet. */
export function createNewsroom(): Newsroom {
  const ofTurns: ((turn: TurnNews) => void)[] = [];
  const ofStreams: ((news: StreamNews) => void)[] = [];
  return {
    onTurn: (listener) => void ofTurns.push(listener),
    onStream: (listener) => void ofStreams.push(listener),
    tellTurn: (turn) => {
      for (const listener of ofTurns) listener(turn);
    },
    tellStream: (news) => {
      for (const listener of ofStreams) listener(news);
    },
  };
}
