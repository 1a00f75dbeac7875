/** Which input row's claim to an output key holds, when several make one. Mutable, hot. */
import { each, fewOf, sizeOf, type Few } from '../lib/index.js';
import type { Table } from './table.js';

/** A key that several claim. */
interface Contest<V> {
  /** The smallest input key, whose value stands in the table or is about to. */
  winner: string;
  /** What others claim by their input keys. */
  readonly others: Map<string, V>;
}

/** The claims of an expanded collection; the winners' values stand in its table. */
export class Claims<V> {
  readonly #table: Table<V>;
  /** Of a key that one alone claims, as nearly all are, its input key. */
  readonly #claims = new Map<string, string | Contest<V>>();
  readonly #claimed = new Map<string, Few<string>>();
  /** What the table is to hold from the end of this turn. */
  readonly #news = new Map<string, V | undefined>();

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
    for (const [key, value] of this.#news) this.#table.put(key, value);
    this.#news.clear();
  }

  #take(key: string, inputKey: string, value: V): void {
    const claim = this.#claims.get(key);
    if (claim === undefined || claim === inputKey) {
      this.#claims.set(key, inputKey);
      this.#news.set(key, value);
      return;
    }
    const contest =
      typeof claim === 'string' ? { winner: claim, others: new Map<string, V>() } : claim;
    if (contest.winner === inputKey) {
      this.#news.set(key, value);
    } else if (inputKey < contest.winner) {
      const former = this.#standing(key);
      if (former !== undefined) contest.others.set(contest.winner, former);
      contest.winner = inputKey;
      this.#news.set(key, value);
    } else {
      contest.others.set(inputKey, value);
    }
    this.#claims.set(key, contest);
  }

  #give(key: string, inputKey: string): void {
    const claim = this.#claims.get(key);
    if (claim === undefined) return;
    if (typeof claim === 'string') {
      if (claim !== inputKey) return;
      this.#claims.delete(key);
      this.#news.set(key, undefined);
      return;
    }
    if (claim.winner !== inputKey) {
      claim.others.delete(inputKey);
      if (claim.others.size === 0) this.#claims.set(key, claim.winner);
      return;
    }
    let next: [string, V] | undefined;
    for (const other of claim.others) if (next === undefined || other[0] < next[0]) next = other;
    if (next === undefined) {
      this.#claims.delete(key);
      this.#news.set(key, undefined);
      return;
    }
    const [winner, value] = next;
    claim.others.delete(winner);
    claim.winner = winner;
    if (claim.others.size === 0) this.#claims.set(key, winner);
    this.#news.set(key, value);
  }

  /** The winner's value of a key that is claimed. */
  #standing(key: string): V | undefined {
    return this.#news.has(key) ? this.#news.get(key) : this.#table.rows.get(key);
  }
}
