/** Which input row's claim to an output key holds, when several make one. Mutable, hot. */
import { each, fewOf, sizeOf, type Few } from './few.js';
import type { Table } from './table.js';

interface Claim<V> {
  /** The smallest input key, and what it claims. */
  winner: string;
  value: V;
  /** What others claim by their input keys; mostly there are none. */
  others: Map<string, V> | undefined;
}

/** The claims of an expanded collection; the winners' values stand in its table. */
export class Claims<V> {
  readonly #table: Table<V>;
  readonly #claims = new Map<string, Claim<V>>();
  readonly #claimed = new Map<string, Few<string>>();
  readonly #touched = new Set<string>();

  /** The table is written by {@link Claims.settle} and by nobody else. */
  constructor(table: Table<V>) {
    this.#table = table;
  }

  /** What an input row claims from now on: all of it. */
  put(inputKey: string, rows: ReadonlyMap<string, V>): void {
    each(this.#claimed.get(inputKey), (key) => {
      if (!rows.has(key)) this.#give(key, inputKey);
    });
    for (const [key, value] of rows) this.#take(key, inputKey, value);
    const claimed = fewOf(rows.keys());
    if (sizeOf(claimed) === 0) this.#claimed.delete(inputKey);
    else this.#claimed.set(inputKey, claimed);
  }

  /** An input row is gone. */
  remove(inputKey: string): void {
    each(this.#claimed.get(inputKey), (key) => {
      this.#give(key, inputKey);
    });
    this.#claimed.delete(inputKey);
  }

  /** Writes the outcome of every claim that has changed, once. */
  settle(): void {
    for (const key of this.#touched) this.#table.put(key, this.#claims.get(key)?.value);
    this.#touched.clear();
  }

  #take(key: string, inputKey: string, value: V): void {
    const claim = this.#claims.get(key);
    if (claim === undefined) {
      this.#claims.set(key, { winner: inputKey, value, others: undefined });
    } else if (claim.winner === inputKey) {
      claim.value = value;
    } else if (inputKey < claim.winner) {
      claim.others ??= new Map();
      claim.others.set(claim.winner, claim.value);
      claim.winner = inputKey;
      claim.value = value;
    } else {
      claim.others ??= new Map();
      claim.others.set(inputKey, value);
    }
    this.#touched.add(key);
  }

  #give(key: string, inputKey: string): void {
    const claim = this.#claims.get(key);
    if (claim === undefined) return;
    this.#touched.add(key);
    if (claim.winner !== inputKey) {
      claim.others?.delete(inputKey);
      return;
    }
    let next: [string, V] | undefined;
    for (const other of claim.others ?? [])
      if (next === undefined || other[0] < next[0]) next = other;
    if (next === undefined) {
      this.#claims.delete(key);
      return;
    }
    [claim.winner, claim.value] = next;
    claim.others?.delete(claim.winner);
  }
}
