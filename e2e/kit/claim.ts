/** Says what a suite has measured, so that docs/claims.md can quote it. */
import { writeSync } from 'node:fs';

/** Prints `claim: <suite>: <what> <figure>` as one line on standard error. */
export function claim(suite: string, what: string, figure: string | number): void {
  // Not console: jest would add where it was called from.
  writeSync(2, `claim: ${suite}: ${what} ${figure}\n`);
}

/** Milliseconds since `startedAt` (of `performance.now()`), rounded, as `41 ms`. */
export function since(startedAt: number): string {
  return milliseconds(performance.now() - startedAt);
}

/** `41 ms` */
export function milliseconds(ms: number): string {
  return `${Math.round(ms)} ms`;
}
