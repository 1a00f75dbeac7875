// The error of a message that does not fit its type; it names the place.

/** A value that Envoy's API does not allow at `path` (like `filters[0].typed_config.rules`). */
export class MessageError extends Error {
  override readonly name = 'MessageError';
  readonly code = 'INVALID_MESSAGE';
  /** What is wrong, without the place. */
  readonly problem: string;
  /** Where, from the message that was given; empty for that message itself. */
  readonly path: string;

  constructor(problem: string, path = '') {
    super(path === '' ? problem : `${path}: ${problem}`);
    this.problem = problem;
    this.path = path;
  }
}

/** The same failure seen from one level up: a field's name, or the index in a list. */
export function located(error: unknown, step: string | number): unknown {
  if (!(error instanceof MessageError)) return error;
  const { problem, path } = error;
  const own = typeof step === 'number' ? `[${step}]` : step;
  const joined = path === '' || path.startsWith('[') ? `${own}${path}` : `${own}.${path}`;
  return new MessageError(problem, joined);
}

/** The error of a value of the wrong form; says what was expected and what was found. */
export function unexpected(expected: string, found: unknown): MessageError {
  return new MessageError(`expected ${expected}, found ${describe(found)}`);
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80));
  return typeof value === 'number' || typeof value === 'boolean'
    ? `${value}`
    : `an ${typeof value}`;
}
