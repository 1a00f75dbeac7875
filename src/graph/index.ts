/** The incremental engine's face. */
export {
  createGraph,
  type Changes,
  type Collection,
  type Graph,
  type Lookup,
  type Output,
  type Read,
  type Source,
  type TurnResult,
} from './graph.js';
