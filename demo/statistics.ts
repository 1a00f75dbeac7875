/** Says whether a count of random events fits its probability. */

/**
 * Whether `hits` of `trials` lie within five standard deviations of what a binomial law with
 * probability `share` gives: a right split fails about once in two million times.
 */
export function isPlausibleShare(count: {
  readonly hits: number;
  readonly trials: number;
  /** Between 0 and 1. */
  readonly share: number;
}): boolean {
  const expected = count.trials * count.share;
  const deviation = Math.sqrt(expected * (1 - count.share));
  return Math.abs(count.hits - expected) <= 5 * deviation;
}
