/** Test support: the changes of a turn, and the rows of a collection, as plain objects. */
import type { Changes, Collection, Graph, Source } from '../index.js';

/** Changes of one source; undefined removes a row. */
export function change<V>(source: Source<V>, rows: Record<string, V | undefined>): Changes {
  return new Map([[source, new Map(Object.entries(rows))]]);
}

/** All rows by key. */
export function rowsOf<V>(graph: Graph, collection: Collection<V>): Record<string, V> {
  return Object.fromEntries(graph.rows(collection));
}
