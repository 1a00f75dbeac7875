/** A lookup: the rows of a collection by keys computed from them. Mutable, hot. */
import {
  each,
  excluding,
  fewOf,
  includes,
  including,
  leanList,
  membersOf,
  sizeOf,
  type Few,
} from '../lib/index.js';
import type { Freeze } from './freeze.js';
import type { Failure } from './graph.js';
import { type Place, Topic } from './recorder.js';
import type { Step, StepSize } from './step.js';
import { compareKeys, type Table } from './table.js';

/** What a lookup is made of. */
export interface IndexOptions<V> {
  readonly place: Place;
  readonly table: Table<V>;
  readonly keysOf: (row: V, key: string) => Iterable<string>;
  readonly freeze: Freeze | undefined;
}

/** The rows under one key; a topic itself, since there are several for each pod. */
class Bucket<V> extends Topic {
  members: Few<string>;
  /** The rows in order, until something changes. */
  rows: readonly V[] | undefined;
  /** The pass that has announced it last. */
  announced = 0;
}

/** An index over a table, brought up to date by {@link IndexTable.advance}. */
export class IndexTable<V> implements Step {
  readonly place: Place;
  /** Keys of rows that have changed. */
  readonly dirty = new Set<string>();
  readonly #options: IndexOptions<V>;
  readonly #keysByRow = new Map<string, Few<string>>();
  readonly #buckets = new Map<string, Bucket<V>>();
  /** One function for all buckets, of which there are several for each pod. */
  readonly #dropTopic = (topic: Topic): void => {
    this.#dropIfUnused(topic.key);
  };
  #pass = 0;

  /** Follows the table from now on; the table must be empty. */
  constructor(options: IndexOptions<V>) {
    this.place = options.place;
    this.#options = options;
    options.table.followers.push(this.dirty);
  }

  /** Has the readers of changed buckets rerun; reruns no row itself. */
  advance(failures: Failure[]): number {
    this.#pass += 1;
    for (const key of this.dirty) {
      const before = this.#keysByRow.get(key);
      const after = this.#keysOf(key, before, failures);
      each(before, (indexKey) => {
        if (!includes(after, indexKey)) this.#leave(indexKey, key);
      });
      each(after, (indexKey) => {
        this.#enter(indexKey, key);
      });
      if (after === undefined) this.#keysByRow.delete(key);
      else this.#keysByRow.set(key, after);
    }
    this.dirty.clear();
    return 0;
  }

  /** What stands for the rows under `indexKey`, and the rows. */
  find(indexKey: string): { readonly topic: Topic; readonly rows: readonly V[] } {
    const bucket = this.#bucket(indexKey);
    return { topic: bucket, rows: this.#rowsOf(bucket) };
  }

  /** The rows under `indexKey`, for who does not depend on them. */
  rowsUnder(indexKey: string): readonly V[] {
    const bucket = this.#buckets.get(indexKey);
    return bucket === undefined ? [] : this.#rowsOf(bucket);
  }

  #rowsOf(bucket: Bucket<V>): readonly V[] {
    if (bucket.rows === undefined) {
      const rows = [...membersOf(bucket.members)].sort(compareKeys).flatMap((key) => {
        const row = this.#options.table.rows.get(key);
        return row === undefined ? [] : [row];
      });
      // Kept for as long as nothing changes, for each bucket that is read.
      bucket.rows = leanList(rows);
      this.#options.freeze?.(bucket.rows);
    }
    return bucket.rows;
  }

  measure(): StepSize {
    return { dependencies: 0, topics: this.#buckets.size };
  }

  /** The keys of a row; those of before when `keysOf` throws. */
  #keysOf(key: string, before: Few<string>, failures: Failure[]): Few<string> {
    const row = this.#options.table.rows.get(key);
    if (row === undefined) return undefined;
    try {
      return fewOf(this.#options.keysOf(row, key));
    } catch (error) {
      failures.push({ collection: this.place.name, key, error });
      return before;
    }
  }

  #bucket(indexKey: string): Bucket<V> {
    let bucket = this.#buckets.get(indexKey);
    if (bucket === undefined) {
      bucket = new Bucket(indexKey, this.#dropTopic);
      this.#buckets.set(indexKey, bucket);
    }
    return bucket;
  }

  #enter(indexKey: string, key: string): void {
    const bucket = this.#bucket(indexKey);
    bucket.members = including(bucket.members, key);
    this.#announce(bucket);
  }

  #leave(indexKey: string, key: string): void {
    const bucket = this.#bucket(indexKey);
    bucket.members = excluding(bucket.members, key);
    this.#announce(bucket);
    this.#dropIfUnused(indexKey);
  }

  /** Once per pass: nobody reads a bucket while its index is being brought up to date. */
  #announce(bucket: Bucket<V>): void {
    if (bucket.announced === this.#pass) return;
    bucket.announced = this.#pass;
    bucket.rows = undefined;
    bucket.announce();
  }

  #dropIfUnused(indexKey: string): void {
    const bucket = this.#buckets.get(indexKey);
    if (bucket === undefined || sizeOf(bucket.members) > 0) return;
    if (bucket.isUnread()) this.#buckets.delete(indexKey);
  }
}
