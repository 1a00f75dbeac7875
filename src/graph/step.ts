/** One step of a turn: a derived collection or a lookup being brought up to date. */
import type { Failure } from './graph.js';
import type { Place } from './recorder.js';

/** What a step holds. */
export interface StepSize {
  /** Reads that its rows depend on. */
  readonly dependencies: number;
  /** Places it keeps for readers. */
  readonly topics: number;
}

/** A step; the graph takes its steps in order of definition. */
export interface Step {
  readonly place: Place;
  /** Input keys to look at; empty: the step is skipped. */
  readonly dirty: ReadonlySet<string>;
  /** Brings its rows up to date; returns how many were rerun. */
  advance(failures: Failure[]): number;
  /** Walks over everything it holds. */
  measure(): StepSize;
}
