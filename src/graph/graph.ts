/** The incremental engine: rows derived from rows, rerun only when something they read has changed. */

/** A named table of rows by key; a handle, holding nothing the outside may touch. */
export interface Collection<V> {
  readonly name: string;
  /** Phantom: what a row is. */
  readonly row?: V;
}

/** A collection that the outside writes. */
export interface Source<V> extends Collection<V> {
  readonly isSource: true;
}

/** An index over a collection: which rows carry an index key. */
export interface Lookup<V> {
  readonly name: string;
  readonly row?: V;
}

/** What a row may see of other collections; each call is recorded as a dependency of the row. */
export interface Read {
  /** The row of `collection` at `key`, or undefined; depends on that row alone, present or not. */
  get<V>(collection: Collection<V>, key: string): V | undefined;
  /** The rows under `indexKey`, ordered by row key; depends on the membership and on each of them. */
  find<V>(lookup: Lookup<V>, indexKey: string): readonly V[];
  /** Every row with its key, ordered by key; depends on the whole collection: use sparingly. */
  all<V>(collection: Collection<V>): ReadonlyMap<string, V>;
}

/** Rows set (value) or removed (undefined) in one source. */
export type Changes = ReadonlyMap<Source<unknown>, ReadonlyMap<string, unknown>>;

/** A collection whose changes a turn hands out. */
export interface Output {
  readonly collection: string;
  readonly key: string;
  /** Undefined: removed. */
  readonly value: unknown;
  /** What stood there before the turn; undefined: nothing. */
  readonly former: unknown;
}

/** A function given to the graph threw: a bug, since what is wrong in the user's objects is data. */
export interface Failure {
  /** The collection or lookup whose function it was. */
  readonly collection: string;
  /** The key of the input row. The row keeps what it had yielded before. */
  readonly key: string;
  readonly error: unknown;
}

/** What one turn did. */
export interface TurnResult {
  /** Counts turns from 1. */
  readonly generation: number;
  /** Changed rows of the collections marked as outputs, in order of collection definition. */
  readonly outputs: readonly Output[];
  /** How many rows were rerun, by collection: what the tests of locality count. */
  readonly reruns: ReadonlyMap<string, number>;
  /** Rows whose function threw in this turn; all other rows are up to date. */
  readonly failures: readonly Failure[];
}

/** How much a graph holds. */
export interface GraphSize {
  readonly rows: number;
  /** What rows have read, counted once per reader. */
  readonly dependencies: number;
  /** Places that are kept because somebody has read them, present or not. */
  readonly topics: number;
}

/**
 * A graph of collections. Define everything first, then turn. A row function may read what was
 * defined before its own collection and nothing else, so there are no cycles and no row sees a
 * half-updated world. Values are compared by structure (see equal.ts); a value that equals the
 * former one is dropped and the former kept.
 */
export interface Graph {
  source<V>(name: string): Source<V>;
  /** One output row per input row; undefined yields none. `fn` must be pure. */
  derive<I, O>(
    name: string,
    input: Collection<I>,
    fn: (row: I, key: string, read: Read) => O | undefined,
  ): Collection<O>;
  /**
   * Any number of output rows per input row; when two input rows claim one key the smaller input
   * key has it, and of one row's own claims the last.
   */
  expand<I, O>(
    name: string,
    input: Collection<I>,
    fn: (row: I, key: string, read: Read) => Iterable<readonly [string, O]>,
  ): Collection<O>;
  lookup<V>(
    name: string,
    collection: Collection<V>,
    keysOf: (row: V, key: string) => Iterable<string>,
  ): Lookup<V>;
  /** Marks a collection as an output of turns. */
  output(collection: Collection<unknown>): void;
  /** Applies the changes and reruns what depends on them, each row at most once, inputs before outputs. */
  turn(changes: Changes): TurnResult;
  /** The row at `key` after the last turn; for reading from outside a turn only. */
  get<V>(collection: Collection<V>, key: string): V | undefined;
  /** The rows under `indexKey` after the last turn, ordered by row key; for reading from outside a turn only. */
  find<V>(lookup: Lookup<V>, indexKey: string): readonly V[];
  /** All rows after the last turn, ordered by key; for reading from outside a turn only. */
  rows<V>(collection: Collection<V>): ReadonlyMap<string, V>;
  /** Counts what the graph holds; walks over everything, for tests and debugging. */
  size(): GraphSize;
}
