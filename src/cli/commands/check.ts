/** `skerry check`: named checks of a cluster, each with a cause and a remedy. */
import { Option, type Command } from 'commander';
import { askAdmin } from '../admin-client.js';
import { clusterOptions, withCluster, type ClusterFlags } from '../cluster/connect.js';
import type { CommandDefinition } from '../command.js';
import { runChecks, type Check, type CheckReport } from '../check/check.js';
import { openFacts, replicaFacts, type Facts } from '../check/facts.js';
import { oneReplicaChecks } from '../check/one-replica.js';
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
  readonly adminSocket?: string;
  readonly output: OutputFormat;
}

/** Each line as soon as it is known: some checks wait for an answer. */
async function printed(
  checks: readonly Check[],
  facts: Facts,
  { output }: Flags,
  io: Io,
): Promise<readonly CheckReport[]> {
  const nameWidth = Math.max(...checks.map(({ name }) => name.length));
  const reports: CheckReport[] = [];
  for await (const report of runChecks(checks, facts)) {
    reports.push(report);
    if (output === 'table') io.stdout.write(spellReport(report, nameWidth));
  }
  return reports;
}

/** They choose what is checked. */
function refuseSeveral({ pre, proxy, adminSocket }: Flags): void {
  const chosen = [
    ...(pre ? ['--pre'] : []),
    ...(proxy === undefined ? [] : ['--proxy']),
    ...(adminSocket === undefined ? [] : ['--admin-socket']),
  ];
  if (chosen.length < 2) return;
  throw new CommandError(`expected one of ${chosen.join(' and ')}, found both`, exitCode.usage);
}

function checksOf({ pre, proxy }: Flags): readonly Check[] {
  if (pre) return preChecks;
  if (proxy === undefined) return meshChecks;
  const [namespace, pod, ...rest] = proxy.split('/');
  if (namespace === undefined || namespace === '' || !pod || rest.length > 0) {
    throw new CommandError(`expected --proxy namespace/pod, found ${proxy}`, exitCode.usage);
  }
  return oneProxyChecks({ namespace, pod });
}

/** A replica that is asked on its own node: works without an API server. */
async function runOnReplica(
  adminSocket: string,
  flags: Flags,
  io: Io,
): Promise<readonly CheckReport[]> {
  const ask = (path: string): Promise<unknown> => askAdmin(adminSocket, path);
  const facts = replicaFacts({ name: undefined, ask, tell: (path) => ask(path) });
  // Where nobody answers there is nothing to check.
  await facts.replicas();
  return printed(oneReplicaChecks, facts, flags, io);
}

async function run(flags: Flags, io: Io): Promise<number> {
  refuseSeveral(flags);
  const { adminSocket } = flags;
  const reports =
    adminSocket === undefined
      ? await withCluster(flags, io, (client) =>
          printed(checksOf(flags), openFacts(client), flags, io),
        )
      : await runOnReplica(adminSocket, flags, io);
  if (flags.output === 'table') io.stdout.write(spellSummary(reports));
  else printData(io, flags.output, reports, () => '');
  return reports.some(({ result }) => result === 'failed') ? exitCode.problem : exitCode.ok;
}

/** The command. */
export const checkCommand: CommandDefinition = {
  name: 'check',
  summary: 'check a cluster before an installation, or the mesh that runs in it',
  example: 'skerry check',
  configure(command: Command, io: Io, exit): void {
    command
      .option('--pre', 'whether Skerry can be installed', false)
      .option('--proxy <name>', 'one sidecar in detail, namespace/pod')
      .option('--admin-socket <path>', 'one replica, on its own node: needs no API server')
      .addOption(new Option('-o, --output <format>').choices(outputFormats).default('table'))
      .action(async (flags: Flags) => {
        exit(await run(flags, io));
      });
    for (const option of clusterOptions()) command.addOption(option);
  },
};
