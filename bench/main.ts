/** `npm run bench`: measures the mesh on this one machine; the figures of docs/claims.md come from here. */
import { runAds } from './ads/main.js';
import type { BenchEnvironment } from './bench-mesh.js';
import { formatGoals } from './goals/report.js';
import { benchGoals } from './goals/run.js';
import { obstacles } from './obstacles.js';
import { parseOptions, type BenchOptions } from './options.js';
import { formatSuite, runSuite } from './run.js';
import { usage } from './usage.js';

/** Aborts at the first Ctrl-C or SIGTERM; what has begun is then taken down. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      controller.abort(new Error('interrupted'));
    });
  }
  return controller.signal;
}

/** What is printed, and the exit code. */
interface Outcome {
  readonly text: string;
  readonly code: 0 | 1;
}

async function run(options: BenchOptions, environment: BenchEnvironment): Promise<Outcome> {
  if (options.bench === 'goals') {
    const report = await benchGoals(options, environment, runSuite);
    const hasFailed = report.suites.some(({ failure }) => failure !== undefined);
    const text = options.json ? JSON.stringify(report) : formatGoals(report);
    return { text, code: hasFailed ? 1 : 0 };
  }
  const report = await runSuite(options, environment);
  return { text: options.json ? JSON.stringify(report) : formatSuite(report), code: 0 };
}

async function main(): Promise<number> {
  const [, , bench, ...rest] = process.argv;
  if (bench === 'ads') return runAds(rest, interruption());
  const options = parseOptions(process.argv.slice(2));
  if (typeof options === 'string') {
    process.stderr.write(options);
    return options === usage ? 0 : 2;
  }
  const envoy = process.env['SKERRY_ENVOY'];
  const inTheWay = obstacles(options, envoy);
  if (envoy === undefined || inTheWay.length > 0) {
    process.stderr.write(`${inTheWay.join('\n')}\n`);
    return 2;
  }
  const startedAt = performance.now();
  const say = (text: string): void => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    process.stderr.write(`${seconds.padStart(6)} s  ${text}\n`);
  };
  try {
    const { text, code } = await run(options, { envoy, say, interrupted: interruption() });
    process.stdout.write(`${text}\n`);
    return code;
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

process.exitCode = await main();
