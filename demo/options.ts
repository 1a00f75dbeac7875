/** The demo's command line. */
import { parseArgs } from 'node:util';

/** What the demo was asked for. */
export interface DemoOptions {
  /** Check every expectation and end, instead of staying up. */
  readonly once: boolean;
  /** Print one JSON object on stdout and nothing else there. */
  readonly json: boolean;
  readonly outbound: 'on-demand' | 'eager';
  /** Leave the run directory with its logs behind. */
  readonly keep: boolean;
}

/** The help text. */
export const usage = `usage: npm run demo -- [--once [--json]] [--outbound on-demand|eager] [--keep]

  --once        check every expectation, then end: exit 0 when all held, 1 when not
  --json        with --once: print one JSON object on stdout and nothing else
  --outbound    what sidecars hold: what they use (on-demand, the default) or everything (eager)
  --keep        leave the logs, captures and configuration behind
`;

/** Parses the command line; a text says what is wrong with it (or is the help). */
export function parseOptions(args: readonly string[]): DemoOptions | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        once: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        outbound: { type: 'string', default: 'on-demand' },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    const { once, json, outbound, keep, help } = values;
    if (help) return usage;
    if (json && !once) return `--json goes with --once\n\n${usage}`;
    if (outbound !== 'on-demand' && outbound !== 'eager') {
      return `--outbound: expected on-demand or eager, found ${outbound}\n\n${usage}`;
    }
    return { once, json, outbound, keep };
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n\n${usage}`;
  }
}
