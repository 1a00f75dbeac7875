/** What a bench says of its samples. */

/** The middle sample, or the mean of the two in the middle; NaN of none. */
export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((left, right) => left - right);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** The smallest sample that at least `share` (0 to 1) of all do not exceed; NaN of none. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((left, right) => left - right);
  const rank = Math.max(1, Math.ceil(sorted.length * share));
  return sorted[rank - 1] ?? Number.NaN;
}

/** The largest sample; NaN of none. */
export function worst(samples: readonly number[]): number {
  return percentile(samples, 1);
}

/** One look at something that may grow with something else. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The line of least squares. */
export interface Line {
  /** Of all y. */
  readonly mean: number;
  readonly slope: number;
  /** Two standard errors of the slope; infinite with fewer than three points. */
  readonly uncertainty: number;
}

/** Fits a line; what it says of its uncertainty holds where the points' noises are independent. */
export function fitLine(points: readonly Point[]): Line {
  const count = points.length;
  const sum = (of: (point: Point) => number): number =>
    points.reduce((total, point) => total + of(point), 0);
  const [middle, mean] = [sum(({ x }) => x) / count, sum(({ y }) => y) / count];
  const spread = sum(({ x }) => (x - middle) ** 2);
  const slope = sum(({ x, y }) => (x - middle) * (y - mean)) / spread;
  const rest = sum(({ x, y }) => (y - mean - slope * (x - middle)) ** 2);
  const uncertainty = count < 3 ? Infinity : 2 * Math.sqrt(rest / (count - 2) / spread);
  return { mean, slope, uncertainty };
}
