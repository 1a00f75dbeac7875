/** The incremental engine's face. */
export { createGraph } from './engine.js';
export { equal } from './equal.js';
export type {
  Changes,
  Collection,
  Failure,
  Graph,
  GraphSize,
  Lookup,
  Output,
  Read,
  Source,
  TurnResult,
} from './graph.js';
