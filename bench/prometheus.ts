/** Reads the Prometheus text format, as far as a bench needs it. */

/** A histogram: how many observations were at most so many seconds, from the lowest bound up. */
export type Buckets = readonly { readonly atMost: number; readonly count: number }[];

/** The value of a metric without labels; NaN where there is none. */
export function metricOf(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
}

/** The beat of the timer by which Node watches its event loop is part of what it reports. */
const beatMs = 10;

/** The longest that the event loop was held since the metrics were asked for last: they forget it then. */
export function stallMsIn(text: string): number {
  return Math.max(0, metricOf(text, 'nodejs_eventloop_lag_max_seconds') * 1000 - beatMs);
}

/** A histogram without labels of its own, less what it had `before`. */
export function readBuckets(text: string, name: string, before: Buckets = []): Buckets {
  const pattern = new RegExp(`^${name}_bucket\\{le="([^"]+)"\\} (\\S+)$`, 'gm');
  return [...text.matchAll(pattern)].map(([, bound = '', count = '']) => {
    const atMost = bound === '+Inf' ? Infinity : Number(bound);
    const known = before.find((bucket) => bucket.atMost === atMost)?.count ?? 0;
    return { atMost, count: Number(count) - known };
  });
}

/** The bound that at least `share` (0 to 1) of all observations do not exceed; NaN of none. */
export function quantileOf(buckets: Buckets, share: number): number {
  const all = buckets.at(-1)?.count ?? 0;
  if (all === 0) return Number.NaN;
  return buckets.find(({ count }) => count >= all * share)?.atMost ?? Number.NaN;
}
