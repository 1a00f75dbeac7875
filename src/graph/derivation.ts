/** A derived collection: reruns the rows whose input or reads have changed. Mutable, hot. */
import { sizeOf } from '../lib/index.js';
import type { Failure, Read } from './graph.js';
import type { Place, Recorder, Row } from './recorder.js';
import type { Step, StepSize } from './step.js';
import type { Table } from './table.js';

/** Where the results of rows go. */
export interface Sink<R> {
  /** A row's new result; throwing counts as a failure of the row. */
  put(key: string, result: R): void;
  remove(key: string): void;
  /** All results of this turn have been put. */
  settle(): void;
}

/** What a derived collection is made of. */
export interface DerivationOptions<I, R> {
  readonly place: Place;
  readonly input: Table<I>;
  readonly fn: (row: I, key: string, read: Read) => R;
  readonly sink: Sink<R>;
  readonly read: Read;
  readonly recorder: Recorder;
}

/** The rows of a derived collection as readers. */
export class Derivation<I, R> implements Step {
  readonly place: Place;
  /** Keys of input rows to rerun. */
  readonly dirty = new Set<string>();
  readonly #options: DerivationOptions<I, R>;
  /** The rows that have read something. */
  readonly #rows = new Map<string, Row>();

  /** Follows the input from now on; the input must be empty. */
  constructor(options: DerivationOptions<I, R>) {
    this.place = options.place;
    this.#options = options;
    options.input.followers.push(this.dirty);
  }

  advance(failures: Failure[]): number {
    let reruns = 0;
    for (const key of this.dirty) {
      const input = this.#options.input.rows.get(key);
      if (input === undefined) {
        this.#remove(key);
      } else {
        reruns += 1;
        this.#rerun(key, input, failures);
      }
    }
    this.dirty.clear();
    this.#options.sink.settle();
    return reruns;
  }

  measure(): StepSize {
    let dependencies = 0;
    for (const row of this.#rows.values()) dependencies += sizeOf(row.topics);
    return { dependencies, topics: 0 };
  }

  #remove(key: string): void {
    const row = this.#rows.get(key);
    if (row !== undefined) {
      this.#options.recorder.forget(row);
      this.#rows.delete(key);
    }
    this.#options.sink.remove(key);
  }

  #rerun(key: string, input: I, failures: Failure[]): void {
    const { fn, place, read, recorder, sink } = this.#options;
    const row = this.#rows.get(key) ?? { key, dirty: this.dirty, topics: undefined };
    try {
      recorder.record(row, place, () => {
        sink.put(key, fn(input, key, read));
      });
    } catch (error) {
      failures.push({ collection: place.name, key, error });
    }
    if (row.topics === undefined) this.#rows.delete(key);
    else this.#rows.set(key, row);
  }
}
