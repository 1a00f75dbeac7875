/** Whether a series of figures grows, how sure that is, and how it looks. */
import { median, type Line } from '../statistics.js';

/** What can be said of a trend. */
export type Verdict = 'flat' | 'grows' | 'not known';

/** Flat: with all its uncertainty, what x adds is at most `share` of the mean. */
export function judge({ mean, slope, uncertainty }: Line, share: number): Verdict {
  const limit = mean * share;
  if (slope + uncertainty <= limit) return 'flat';
  return slope - uncertainty > limit ? 'grows' : 'not known';
}

/** The median of the last quarter of the samples over that of the first. */
export function lastToFirstQuarter(samples: readonly number[]): number {
  const quarter = Math.ceil(samples.length / 4);
  return median(samples.slice(-quarter)) / median(samples.slice(0, quarter));
}

const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/** The series as bars from its lowest to its highest, with both beside it. */
export function sparkline(values: readonly number[], digits: number): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const bar = (value: number): string =>
    bars[high === low ? 0 : Math.round(((value - low) / (high - low)) * (bars.length - 1))] ?? '';
  return `${values.map(bar).join('')}  ${low.toFixed(digits)} to ${high.toFixed(digits)}`;
}
