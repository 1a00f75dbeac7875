/** The rows of one collection and who is to hear of their changes. Mutable, hot. */
import { equal } from './equal.js';
import type { Freeze } from './freeze.js';
import { type Place, Topic } from './recorder.js';

/** Compares keys by code units: the one order of the graph. */
export function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The rows of one collection. */
export class Table<V> {
  readonly place: Place;
  readonly rows = new Map<string, V>();
  /** Keys changed in the turn under way, each once. */
  changed: string[] = [];
  /** What stood at these before; only of an output, for the turn under way. */
  formers: Map<string, V | undefined> | undefined;
  /** Work lists that take every changed key: derived collections and lookups over this one. */
  readonly followers: Set<string>[] = [];
  readonly #freeze: Freeze | undefined;
  readonly #topics = new Map<string, Topic>();
  readonly #whole = new Topic('', () => undefined);
  #sorted: ReadonlyMap<string, V> | undefined;
  readonly #dropTopic = (topic: Topic): void => {
    this.#topics.delete(topic.key);
  };

  /** `freeze`, if given, is applied to every value that is kept. */
  constructor(place: Place, freeze: Freeze | undefined) {
    this.place = place;
    this.#freeze = freeze;
  }

  /** Sets or (undefined) removes a row; at most once per key and turn. An equal value changes nothing. */
  put(key: string, value: V | undefined): void {
    const before = this.rows.get(key);
    if (before === value || (before !== undefined && equal(before, value))) return;
    this.#freeze?.(value);
    if (value === undefined) this.rows.delete(key);
    else this.rows.set(key, value);
    this.#sorted = undefined;
    this.changed.push(key);
    this.formers?.set(key, before);
    for (const follower of this.followers) follower.add(key);
    this.#topics.get(key)?.announce();
    if (this.changed.length === 1) this.#whole.announce();
  }

  /** What stands for the row at `key`, present or not. */
  topic(key: string): Topic {
    let topic = this.#topics.get(key);
    if (topic === undefined) {
      topic = new Topic(key, this.#dropTopic);
      this.#topics.set(key, topic);
    }
    return topic;
  }

  /** What stands for all rows together. */
  whole(): Topic {
    return this.#whole;
  }

  /** All rows, ordered by key; a value of its own, which later changes leave alone. */
  sorted(): ReadonlyMap<string, V> {
    if (this.#sorted === undefined) {
      this.#sorted = new Map([...this.rows].sort(([a], [b]) => compareKeys(a, b)));
      this.#freeze?.(this.#sorted);
    }
    return this.#sorted;
  }

  /** How many places are kept for readers. */
  topicCount(): number {
    return this.#topics.size;
  }
}
