/** The graph itself: definitions in order, and turns over them. Mutable. */
import { Claims } from './claims.js';
import { Derivation, type Sink } from './derivation.js';
import { createFreeze, type Freeze } from './freeze.js';
import type {
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
import { indexOf, makeCollection, makeLookup, makeSource, tableOf } from './handle.js';
import { IndexTable } from './index-table.js';
import { type Place, Recorder } from './recorder.js';
import type { Step } from './step.js';
import { compareKeys, Table } from './table.js';

/** Makes an empty graph. In tests (`NODE_ENV` is `test`) every row is frozen deeply. */
export function createGraph(): Graph {
  return new Engine(process.env['NODE_ENV'] === 'test' ? createFreeze() : undefined);
}

class Engine implements Graph {
  readonly #freeze: Freeze | undefined;
  readonly #recorder = new Recorder();
  readonly #read: Read;
  readonly #names = new Set<string>();
  readonly #tables: Table<unknown>[] = [];
  readonly #sources = new Set<Table<unknown>>();
  readonly #outputs = new Set<Table<unknown>>();
  /** Derived collections and lookups in order of definition. */
  readonly #steps: Step[] = [];
  #generation = 0;
  #isTurning = false;

  constructor(freeze: Freeze | undefined) {
    this.#freeze = freeze;
    this.#read = createRead(this.#recorder);
  }

  source<V>(name: string): Source<V> {
    const table = this.#table<V>(name);
    this.#sources.add(table);
    return makeSource(table);
  }

  derive<I, O>(
    name: string,
    input: Collection<I>,
    fn: (row: I, key: string, read: Read) => O | undefined,
  ): Collection<O> {
    const from = this.#own(input);
    const table = this.#table<O>(name);
    const put = (key: string, row: O | undefined): void => {
      table.put(key, row);
    };
    const remove = (key: string): void => {
      table.put(key, undefined);
    };
    this.#derivation(table, from, fn, { put, remove, settle: () => undefined });
    return makeCollection(table);
  }

  expand<I, O>(
    name: string,
    input: Collection<I>,
    fn: (row: I, key: string, read: Read) => Iterable<readonly [string, O]>,
  ): Collection<O> {
    const from = this.#own(input);
    const table = this.#table<O>(name);
    const rowsOf = (row: I, key: string, read: Read): ReadonlyMap<string, O> =>
      new Map(fn(row, key, read));
    this.#derivation(table, from, rowsOf, new Claims(table));
    return makeCollection(table);
  }

  lookup<V>(
    name: string,
    collection: Collection<V>,
    keysOf: (row: V, key: string) => Iterable<string>,
  ): Lookup<V> {
    const table = this.#own(collection);
    const place = this.#place(name);
    const index = new IndexTable({ place, table, keysOf, freeze: this.#freeze });
    this.#steps.push(index);
    return makeLookup(index);
  }

  output(collection: Collection<unknown>): void {
    const table = this.#own(collection);
    table.formers ??= new Map();
    this.#outputs.add(table);
  }

  turn(changes: Changes): TurnResult {
    this.#refuseInside('turn');
    const writes = this.#writes(changes);
    this.#isTurning = true;
    try {
      this.#generation += 1;
      for (const [table, rows] of writes) {
        for (const [key, value] of rows) table.put(key, value);
      }
      const reruns = new Map<string, number>();
      const failures: Failure[] = [];
      for (const step of this.#steps) {
        if (step.dirty.size === 0) continue;
        const count = step.advance(failures);
        if (count > 0) reruns.set(step.place.name, count);
      }
      return { generation: this.#generation, outputs: this.#changedOutputs(), reruns, failures };
    } finally {
      this.#isTurning = false;
      for (const table of this.#tables) table.changed = [];
      for (const table of this.#outputs) table.formers?.clear();
    }
  }

  get<V>(collection: Collection<V>, key: string): V | undefined {
    this.#refuseInside('get');
    return this.#own(collection).rows.get(key);
  }

  find<V>(lookup: Lookup<V>, indexKey: string): readonly V[] {
    this.#refuseInside('find');
    const index = indexOf(lookup);
    if (index.place.graph !== this) throw new Error(`${lookup.name} belongs to another graph`);
    return index.rowsUnder(indexKey);
  }

  rows<V>(collection: Collection<V>): ReadonlyMap<string, V> {
    this.#refuseInside('rows');
    return this.#own(collection).sorted();
  }

  size(): GraphSize {
    let rows = 0;
    let topics = 0;
    let dependencies = 0;
    for (const table of this.#tables) {
      rows += table.rows.size;
      topics += table.topicCount();
    }
    for (const step of this.#steps) {
      const size = step.measure();
      dependencies += size.dependencies;
      topics += size.topics;
    }
    return { rows, dependencies, topics };
  }

  /** A row function that went around `read` would not be rerun. */
  #refuseInside(method: string): void {
    if (this.#isTurning) throw new Error(`graph.${method} was called during a turn`);
  }

  #place(name: string): Place {
    if (this.#generation > 0) throw new Error(`${name} was defined after the first turn`);
    if (this.#names.has(name)) throw new Error(`${name} is defined twice`);
    this.#names.add(name);
    return { graph: this, name, position: this.#names.size };
  }

  #table<V>(name: string): Table<V> {
    const table = new Table<V>(this.#place(name), this.#freeze);
    this.#tables.push(table);
    return table;
  }

  /** The table behind a handle; throws unless it is this graph's. */
  #own<V>(collection: Collection<V>): Table<V> {
    const table = tableOf(collection);
    if (table.place.graph !== this) throw new Error(`${collection.name} belongs to another graph`);
    return table;
  }

  #derivation<I, R>(
    to: Table<unknown>,
    input: Table<I>,
    fn: (row: I, key: string, read: Read) => R,
    sink: Sink<R>,
  ): void {
    const { place } = to;
    const recorder = this.#recorder;
    this.#steps.push(new Derivation({ place, input, fn, sink, recorder, read: this.#read }));
  }

  /** Checked before anything is written: a turn is refused whole. */
  #writes(changes: Changes): readonly (readonly [Table<unknown>, ReadonlyMap<string, unknown>])[] {
    return [...changes].map(([source, rows]) => {
      const table = this.#own(source);
      if (!this.#sources.has(table)) throw new Error(`${source.name} is not a source`);
      return [table, rows];
    });
  }

  #changedOutputs(): readonly Output[] {
    const outputs: Output[] = [];
    for (const table of this.#tables) {
      if (!this.#outputs.has(table)) continue;
      for (const key of table.changed.sort(compareKeys)) {
        const [value, former] = [table.rows.get(key), table.formers?.get(key)];
        outputs.push({ collection: table.place.name, key, value, former });
      }
    }
    return outputs;
  }
}

function createRead(recorder: Recorder): Read {
  return {
    get: (collection, key) => {
      const table = tableOf(collection);
      recorder.check(table.place);
      recorder.note(table.topic(key));
      return table.rows.get(key);
    },
    find: (lookup, indexKey) => {
      const index = indexOf(lookup);
      recorder.check(index.place);
      const { topic, rows } = index.find(indexKey);
      recorder.note(topic);
      return rows;
    },
    all: (collection) => {
      const table = tableOf(collection);
      recorder.check(table.place);
      recorder.note(table.whole());
      return table.sorted();
    },
  };
}
