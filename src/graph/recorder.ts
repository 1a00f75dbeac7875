/** Who has read what: the recording of reads and the subscriptions made of them. Mutable, hot. */

import { each, excluding, including, packed, sizeOf, type Few } from '../lib/index.js';

/** Where a collection or lookup stands in its graph. */
export interface Place {
  /** Identity of the graph. */
  readonly graph: object;
  readonly name: string;
  /** Order of definition. */
  readonly position: number;
}

/** A row of a derived collection, as a reader of others. */
export interface Row {
  readonly key: string;
  /** The collection's list of input keys to rerun. */
  readonly dirty: Set<string>;
  /** What its last run has read, each once: for most a topic or two. */
  topics: Few<Topic>;
}

/** Something that can be read and can change: one row, a lookup's bucket, a whole collection. */
export class Topic {
  readonly key: string;
  #readers: Few<Row>;
  /** The run that has read it last; makes noting a second read of one run free. */
  lastRun = 0;
  readonly #whenUnread: (topic: Topic) => void;

  /** `whenUnread` is called when the last reader has gone. */
  constructor(key: string, whenUnread: (topic: Topic) => void) {
    this.key = key;
    this.#whenUnread = whenUnread;
  }

  /** Has every reader rerun. */
  announce(): void {
    each(this.#readers, markDirty);
  }

  /** Whether nobody has read it. */
  isUnread(): boolean {
    return sizeOf(this.#readers) === 0;
  }

  /** Takes a reader; taking it twice is taking it once. */
  join(row: Row): void {
    this.#readers = including(this.#readers, row);
  }

  /** Forgets a reader. */
  leave(row: Row): void {
    this.#readers = excluding(this.#readers, row);
    if (this.isUnread()) this.#whenUnread(this);
  }
}

function markDirty(row: Row): void {
  row.dirty.add(row.key);
}

/** Notes the reads of the one row function that is running. */
export class Recorder {
  #run = 0;
  #reader: Place | undefined;
  readonly #topics: Topic[] = [];

  /**
   * Runs `task` as the function of `row`; afterwards, also when it throws, the row depends on
   * exactly what was read.
   */
  record(row: Row, reader: Place, task: () => void): void {
    this.#run += 1;
    this.#reader = reader;
    this.#topics.length = 0;
    try {
      task();
    } finally {
      this.#reader = undefined;
      const before = row.topics;
      row.topics = packed(this.#topics);
      for (const topic of this.#topics) topic.join(row);
      each(before, (topic) => {
        if (topic.lastRun !== this.#run) topic.leave(row);
      });
    }
  }

  /** Throws unless a row function is running that may read what stands at `place`. */
  check(place: Place): void {
    const reader = this.#reader;
    if (reader === undefined) {
      throw new Error(`${place.name} was read outside of a row function`);
    }
    if (place.graph !== reader.graph) {
      throw new Error(`${reader.name} cannot read ${place.name}: it belongs to another graph`);
    }
    if (place.position >= reader.position) {
      throw new Error(
        `${reader.name} cannot read ${place.name}: a collection reads only what was defined before it`,
      );
    }
  }

  /** Notes that the running function has read `topic`. */
  note(topic: Topic): void {
    if (topic.lastRun === this.#run) return;
    topic.lastRun = this.#run;
    this.#topics.push(topic);
  }

  /** Ends all subscriptions of a row that is gone. */
  forget(row: Row): void {
    each(row.topics, (topic) => {
      topic.leave(row);
    });
    row.topics = undefined;
  }
}
