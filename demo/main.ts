/** `npm run demo`: a real mesh on this one machine, from a directory of Kubernetes YAML. */
import { formatCalls } from './call-record.js';
import { parseOptions, usage, type DemoOptions } from './options.js';
import { createProgress } from './progress.js';
import {
  missingBuild,
  missingPrivileges,
  findCheckout,
  runCommand,
  type Mesh,
} from './rig/index.js';
import { checkExpectations, startDemoMesh, type DemoReport } from './run.js';
import { hints, untilInterrupted, writePodScripts } from './stay-up.js';

/** What stands in the way of the demo, one line each; empty when nothing does. */
function obstacles(envoy: string | undefined): readonly string[] {
  return [
    ...missingPrivileges().map(({ what, remedy }) => `the demo needs ${what}: ${remedy}`),
    ...missingBuild(findCheckout()).map((path) => `${path} is missing: npm run build`),
    ...(envoy === undefined ? ['SKERRY_ENVOY does not name an Envoy: npm run setup'] : []),
  ];
}

/** Aborts at the first Ctrl-C or SIGTERM. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      controller.abort(new Error('interrupted'));
    });
  }
  return controller.signal;
}

const notUp = (error: unknown): DemoReport => ({
  ok: false,
  expectations: [
    {
      name: 'the mesh comes up',
      ok: false,
      detail: error instanceof Error ? error.message : String(error),
    },
  ],
  calls: [],
});

interface Outcome {
  readonly report: DemoReport;
  readonly mesh?: Mesh;
}

async function demonstrate(
  options: DemoOptions,
  envoy: string,
  interrupted: AbortSignal,
): Promise<Outcome> {
  const progress = createProgress(process.stderr);
  let mesh: Mesh | undefined;
  try {
    mesh = await startDemoMesh(options, envoy, progress);
    return { report: await checkExpectations(mesh, progress, interrupted), mesh };
  } catch (error) {
    return { report: notUp(error), ...(mesh === undefined ? {} : { mesh }) };
  } finally {
    progress.end();
  }
}

function printReport(report: DemoReport): void {
  process.stdout.write(`\n${formatCalls(report.calls)}\n\n`);
  for (const { name, ok, detail } of report.expectations) {
    process.stdout.write(`${ok ? '✓' : '✗'} ${name}\n    ${detail}\n`);
  }
  process.stdout.write('\n');
}

async function main(): Promise<number> {
  const startedAt = performance.now();
  const options = parseOptions(process.argv.slice(2));
  if (typeof options === 'string') {
    process.stderr.write(options);
    return options === usage ? 0 : 2;
  }
  const envoy = process.env['SKERRY_ENVOY'];
  const inTheWay = obstacles(envoy);
  if (envoy === undefined || inTheWay.length > 0) {
    process.stderr.write(`${inTheWay.join('\n')}\n`);
    return 2;
  }
  const interrupted = interruption();
  const { report, mesh } = await demonstrate(options, envoy, interrupted);
  if (!options.json) printReport(report);
  if (mesh !== undefined) {
    if (!options.once && !interrupted.aborted) {
      process.stdout.write(hints(mesh, await writePodScripts(mesh)));
      await untilInterrupted(mesh, interrupted);
    }
    await mesh.stop(options.keep ? 'keep' : 'remove');
    if (options.keep) process.stderr.write(`kept: ${mesh.runDirectory}\n`);
  }
  if (options.json) {
    const { stdout } = await runCommand([envoy, '--version']);
    const version = stdout.trim().replace(/^.*version:\s*/s, '');
    const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
    process.stdout.write(`${JSON.stringify({ ...report, envoy: version, seconds })}\n`);
  }
  return report.ok ? 0 : 1;
}

process.exitCode = await main();
