/** `skerry check`: named checks of a cluster, each with a cause and a remedy. */
import { Option, type Command } from 'commander';
import { askAdmin, withReplicas } from '../admin-client.js';
import { clusterOptions, withCluster, type ClusterFlags } from '../cluster/connect.js';
import { defaultNamespace } from '../cluster/replicas.js';
import type { CommandDefinition } from '../command.js';
import { runChecks, type Check, type CheckReport } from '../check/check.js';
import { openFacts, replicaFacts, type Facts } from '../check/facts.js';
import { oneReplicaChecks } from '../check/one-replica.js';
import { spellReport, spellSummary } from '../check/print.js';
import { askStrictReady, spellStrictReport } from '../check/strict-ready-report.js';
import { meshChecks, oneProxyChecks, preChecks } from '../check/suites.js';
import { parseWaitLimit } from '../seconds.js';
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
  /** A namespace, or all. */
  readonly strictReady?: string | true;
  readonly since: string;
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
function refuseSeveral({ pre, proxy, adminSocket, strictReady }: Flags): void {
  const chosen = [
    ...(strictReady === undefined ? [] : ['--strict-ready']),
    ...(pre ? ['--pre'] : []),
    ...(proxy === undefined ? [] : ['--proxy']),
    // Where Strict is asked for, it says whom to ask.
    ...(adminSocket === undefined || strictReady !== undefined ? [] : ['--admin-socket']),
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

async function runStrictReady(flags: Flags, io: Io): Promise<number> {
  const { strictReady, since, output } = flags;
  const options = {
    windowSeconds: parseWaitLimit(since),
    ...(typeof strictReady === 'string' ? { namespace: strictReady } : {}),
  };
  const report = await withReplicas({ ...flags, namespace: defaultNamespace }, io, (replicas) =>
    askStrictReady(replicas, options),
  );
  printData(io, output, report, () => spellStrictReport(report));
  return report.isReady ? exitCode.ok : exitCode.problem;
}

async function run(flags: Flags, io: Io): Promise<number> {
  refuseSeveral(flags);
  const { adminSocket, strictReady } = flags;
  if (strictReady !== undefined) return runStrictReady(flags, io);
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
      .option(
        '--strict-ready [namespace]',
        'who still calls in plaintext, and which Services mtls Strict would not break',
      )
      .option('--since <time>', 'how far --strict-ready looks back', '1h')
      .option('--admin-socket <path>', 'one replica, on its own node: needs no API server')
      .addOption(new Option('-o, --output <format>').choices(outputFormats).default('table'))
      .action(async (flags: Flags) => {
        exit(await run(flags, io));
      });
    for (const option of clusterOptions()) command.addOption(option);
  },
};
