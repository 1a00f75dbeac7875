/** Spans of time for people. */

/** `2y41d`, `3d4h`, `12m5s`, `9s`: the two largest units at most; what is past is `0s`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days >= 730) return `${String(Math.floor(days / 365))}y${String(days % 365)}d`;
  if (hours >= 48) return `${String(days)}d${String(hours % 24)}h`;
  if (hours >= 1) return `${String(hours)}h${String(minutes % 60)}m`;
  return minutes >= 1 ? `${String(minutes)}m${String(seconds % 60)}s` : `${String(seconds)}s`;
}
