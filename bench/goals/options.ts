/** The command line of `npm run bench` without a bench's name. */
import { parseArgs } from 'node:util';

/** The benches that the goals are held to. */
export interface GoalsOptions {
  readonly bench: 'goals';
  /** Fewer rounds, without the largest sizes. */
  readonly isQuick: boolean;
  /** An hour more. */
  readonly hasSoak: boolean;
  readonly json: boolean;
}

/** Reads it; throws with what is wrong. */
export function readGoalsOptions(args: readonly string[]): GoalsOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      soak: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const { quick: isQuick, soak: hasSoak, json } = values;
  if (isQuick && hasSoak) {
    throw new Error('expected --quick (less than 10 minutes) or --soak (an hour more), found both');
  }
  return { bench: 'goals', isQuick, hasSoak, json };
}
