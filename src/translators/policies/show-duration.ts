/** Durations as users write them. */

/** `200ms`, `1.5s`, `90s`, `2h`: the shortest exact spelling. */
export function showDuration(ms: number): string {
  if (ms > 0 && ms % 3_600_000 === 0) return `${ms / 3_600_000}h`;
  if (ms > 0 && ms % 60_000 === 0) return `${ms / 60_000}m`;
  return ms % 1000 === 0 || ms > 10_000 ? `${ms / 1000}s` : `${ms}ms`;
}
