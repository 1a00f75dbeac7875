/** `skerry check`: named checks of a cluster, each with a cause and a remedy. */
import { Option, type Command } from 'commander';
import { clusterOptions, withCluster, type ClusterFlags } from '../cluster/connect.js';
import type { CommandDefinition } from '../command.js';
import { runChecks, type Check, type CheckReport } from '../check/check.js';
import { openFacts } from '../check/facts.js';
import { spellReport, spellSummary } from '../check/print.js';
import { meshChecks, oneProxyChecks, preChecks } from '../check/suites.js';
import {
  CommandError,
  exitCode,
  outputFormats,
  printData,
  type Io,
  type OutputFormat,
} from '../io.js';

interface Flags extends ClusterFlags {
  readonly pre: boolean;
  readonly proxy?: string;
  readonly output: OutputFormat;
}

/** Each line as soon as it is known: some checks wait for an answer. */
async function runAll(
  checks: readonly Check[],
  flags: Flags,
  io: Io,
): Promise<readonly CheckReport[]> {
  const nameWidth = Math.max(...checks.map(({ name }) => name.length));
  return withCluster(flags, io, async (client) => {
    const reports: CheckReport[] = [];
    for await (const report of runChecks(checks, openFacts(client))) {
      reports.push(report);
      if (flags.output === 'table') io.stdout.write(spellReport(report, nameWidth));
    }
    return reports;
  });
}

function checksOf({ pre, proxy }: Flags): readonly Check[] {
  if (proxy === undefined) return pre ? preChecks : meshChecks;
  if (pre) throw new CommandError('expected --pre or --proxy, found both', exitCode.usage);
  const [namespace, pod, ...rest] = proxy.split('/');
  if (namespace === undefined || namespace === '' || !pod || rest.length > 0) {
    throw new CommandError(`expected --proxy namespace/pod, found ${proxy}`, exitCode.usage);
  }
  return oneProxyChecks({ namespace, pod });
}

async function run(flags: Flags, io: Io): Promise<number> {
  const reports = await runAll(checksOf(flags), flags, io);
  if (flags.output === 'table') io.stdout.write(spellSummary(reports));
  else printData(io, flags.output, reports, () => '');
  return reports.some(({ result }) => result === 'failed') ? exitCode.problem : exitCode.ok;
}

/** The command. */
export const checkCommand: CommandDefinition = {
  name: 'check',
  summary: 'check a cluster before an installation, or the mesh that runs in it',
  example: 'skerry check --pre',
  configure(command: Command, io: Io, exit): void {
    command
      .option('--pre', 'whether Skerry can be installed', false)
      .option('--proxy <name>', 'one sidecar in detail, namespace/pod')
      .addOption(new Option('-o, --output <format>').choices(outputFormats).default('table'))
      .action(async (flags: Flags) => {
        exit(await run(flags, io));
      });
    for (const option of clusterOptions()) command.addOption(option);
  },
};
