/** Values that must not be printed: keys, tokens, certificates' private parts. */

const mask = '[redacted]';

/** Holds a value and prints `[redacted]` wherever it is turned into text: JSON, templates, inspection. */
export class Redacted<T> {
  readonly #value: T;

  /** Holds `value`. */
  constructor(value: T) {
    this.#value = value;
  }

  /** The value itself, for the one place that needs it. */
  reveal(): T {
    return this.#value;
  }

  /** What a template or a concatenation shows. */
  toString(): string {
    return mask;
  }

  /** What `JSON.stringify` writes. */
  toJSON(): string {
    return mask;
  }

  /** What `console.log` and `util.inspect` show. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return mask;
  }
}
