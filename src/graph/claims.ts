/** Which input row's claim to an output key holds, when several make one. Mutable, hot. */
import type { Table } from './table.js';

interface Claim<V> {
  /** The smallest input key. */
  winner: string;
  readonly values: Map<string, V>;
}

/** The claims of an expanded collection; the winners' values stand in its table. */
export class Claims<V> {
  readonly #table: Table<V>;
  readonly #claims = new Map<string, Claim<V>>();
  readonly #claimed = new Map<string, ReadonlyMap<string, V>>();
  readonly #touched = new Set<string>();

  /** The table is written by {@link Claims.settle} and by nobody else. */
  constructor(table: Table<V>) {
    this.#table = table;
  }

  /** What an input row claims from now on: all of it. */
  put(inputKey: string, rows: ReadonlyMap<string, V>): void {
    const before = this.#claimed.get(inputKey);
    if (before !== undefined) {
      for (const key of before.keys()) {
        if (!rows.has(key)) this.#give(key, inputKey);
      }
    }
    for (const [key, value] of rows) this.#take(key, inputKey, value);
    if (rows.size === 0) this.#claimed.delete(inputKey);
    else this.#claimed.set(inputKey, rows);
  }

  /** An input row is gone. */
  remove(inputKey: string): void {
    for (const key of this.#claimed.get(inputKey)?.keys() ?? []) this.#give(key, inputKey);
    this.#claimed.delete(inputKey);
  }

  /** Writes the outcome of every claim that has changed, once. */
  settle(): void {
    for (const key of this.#touched) {
      const claim = this.#claims.get(key);
      this.#table.put(key, claim?.values.get(claim.winner));
    }
    this.#touched.clear();
  }

  #take(key: string, inputKey: string, value: V): void {
    const claim = this.#claims.get(key);
    if (claim === undefined) {
      this.#claims.set(key, { winner: inputKey, values: new Map([[inputKey, value]]) });
    } else {
      claim.values.set(inputKey, value);
      if (inputKey < claim.winner) claim.winner = inputKey;
    }
    this.#touched.add(key);
  }

  #give(key: string, inputKey: string): void {
    const claim = this.#claims.get(key);
    if (claim === undefined) return;
    claim.values.delete(inputKey);
    this.#touched.add(key);
    if (claim.values.size === 0) {
      this.#claims.delete(key);
    } else if (claim.winner === inputKey) {
      claim.winner = [...claim.values.keys()].reduce((least, other) =>
        other < least ? other : least,
      );
    }
  }
}
