/** `npm run bench`: measures the mesh on this one machine; the figures of docs/claims.md come from here. */
import { runAds } from './ads/main.js';
import { benchBalance, formatBalance } from './balance/balance.js';
import type { BenchEnvironment } from './bench-mesh.js';
import { benchBudget, formatBudget } from './budget/budget.js';
import { benchCertificates, formatCertificates } from './certificates.js';
import { benchSync, formatSync } from './cluster/sync.js';
import { benchLoad } from './load/load.js';
import { formatLoad } from './load/report.js';
import { obstacles } from './obstacles.js';
import { parseOptions, usage, type BenchOptions } from './options.js';
import { benchPropagation, formatPropagation } from './propagation.js';
import { benchRequest, formatRequest } from './request/request.js';
import { benchSidecar, formatSidecar } from './sidecar.js';
import { formatSoak } from './soak/report.js';
import { benchSoak } from './soak/soak.js';

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

async function run(options: BenchOptions, environment: BenchEnvironment): Promise<string> {
  switch (options.bench) {
    case 'propagation': {
      const report = await benchPropagation(options, environment);
      return options.json ? JSON.stringify(report) : formatPropagation(report);
    }
    case 'sidecar': {
      const report = await benchSidecar(options, environment);
      return options.json ? JSON.stringify(report) : formatSidecar(report);
    }
    case 'request': {
      const report = await benchRequest(options, environment);
      return options.json ? JSON.stringify(report) : formatRequest(report);
    }
    case 'balance': {
      const report = await benchBalance(options, environment);
      return options.json ? JSON.stringify(report) : formatBalance(report);
    }
    case 'sync': {
      const report = await benchSync(options, environment);
      return options.json ? JSON.stringify(report) : formatSync(report);
    }
    case 'certificates': {
      const report = await benchCertificates(options, environment);
      return options.json ? JSON.stringify(report) : formatCertificates(report);
    }
    case 'budget': {
      const report = await benchBudget(options, environment);
      return options.json ? JSON.stringify(report) : formatBudget(report);
    }
    case 'soak': {
      const report = await benchSoak(options, environment);
      return options.json ? JSON.stringify(report) : formatSoak(report);
    }
    case 'load': {
      const report = await benchLoad(options, environment);
      return options.json ? JSON.stringify(report) : formatLoad(report);
    }
  }
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
    const text = await run(options, { envoy, say, interrupted: interruption() });
    process.stdout.write(`${text}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

process.exitCode = await main();
