/** `skerry plan`: what a change would do, before it is made. It writes nothing. */
import { Option, type Command } from 'commander';
import { clusterOptions, withCluster, type ClusterFlags } from '../cluster/connect.js';
import type { CommandDefinition } from '../command.js';
import { CommandError, exitCode, outputFormats, printData, type Io } from '../io.js';
import type { OutputFormat } from '../io.js';
import { meshOptions, readManifests, type MeshFlags } from '../offline.js';
import { makePlan, type Plan } from '../plan/plan.js';
import { applyTo } from '../plan/apply-to.js';
import { readCluster } from '../plan/read-cluster.js';
import { breaking, formatPlan, groupCalls, isEmptyPlan } from '../plan/report.js';
import type { SourceBatch } from '../../sources/index.js';

interface Flags extends MeshFlags, ClusterFlags {
  readonly file: string;
  readonly against?: string;
  readonly maxCalls: number;
  readonly long?: true;
  readonly detailedExitcode?: true;
  readonly output: OutputFormat;
  readonly json?: true;
}

/** Of one kind of callers to one target. */
const requestsEach = 256;
const readTimeoutMs = 30_000;
/** As `terraform plan -detailed-exitcode`. */
const detailed = { nothing: 0, changes: 2 } as const;

/** The two states, what the mesh is like, and what is not known of it. */
interface Compared {
  readonly before: SourceBatch;
  readonly after: SourceBatch;
  readonly mesh: MeshFlags;
  readonly omissions: readonly string[];
}

/** `isGiven`: whether somebody has said what a flag is, as opposed to its default. */
async function readBoth(
  flags: Flags,
  io: Io,
  isGiven: (flag: keyof MeshFlags) => boolean,
): Promise<Compared> {
  const directory = await readManifests(flags.file, flags);
  if (flags.against !== undefined) {
    const before = await readManifests(flags.against, flags);
    return { before, after: directory, mesh: flags, omissions: [] };
  }
  const cluster = await withCluster(flags, io, (client) =>
    readCluster(client, flags.rootNamespace, readTimeoutMs),
  );
  const { batch: before, follows, installed = {} } = cluster;
  const applied = applyTo(before, directory, { follows, nowMs: Date.now() });
  const { trustDomain, meshCidrs } = installed;
  return {
    ...{ before, after: applied.batch },
    // The cluster knows best what its mesh is like, unless somebody has said otherwise.
    mesh: {
      ...flags,
      ...(trustDomain !== undefined && !isGiven('trustDomain') && { trustDomain }),
      ...(meshCidrs !== undefined && !isGiven('meshCidr') && { meshCidr: meshCidrs }),
    },
    omissions: [...cluster.omissions, ...applied.omissions],
  };
}

function codeOf(plan: Plan, flags: Flags): number {
  if (flags.detailedExitcode === true)
    return isEmptyPlan(plan) ? detailed.nothing : detailed.changes;
  const breaks = plan.calls.changes.some(({ kind }) => breaking.includes(kind));
  const errs = plan.diagnostics.new.some(({ severity }) => severity === 'error');
  return breaks || errs ? exitCode.problem : exitCode.ok;
}

async function run(
  flags: Flags,
  io: Io,
  isGiven: (flag: keyof MeshFlags) => boolean,
): Promise<number> {
  const { before, after, mesh, omissions } = await readBoth(flags, io, isGiven);
  const isTerminal = io.stderr.isTTY === true;
  if (isTerminal) io.stderr.write('judging calls before and after …');
  const limits = { calls: flags.maxCalls, requests: requestsEach };
  const made = makePlan(before, after, { ...mesh, limits });
  const calls = { ...made.calls, omissions: [...omissions, ...made.calls.omissions] };
  const plan = { ...made, calls };
  if (isTerminal) io.stderr.write('\r\u001b[K');
  const data = { ...plan, calls: { ...plan.calls, groups: groupCalls(plan.calls) } };
  printData(io, flags.json === true ? 'json' : flags.output, data, () =>
    formatPlan(plan, flags.long === true),
  );
  return codeOf(plan, flags);
}

function parseCalls(text: string): number {
  const calls = Number(text);
  if (Number.isInteger(calls) && calls > 0) return calls;
  throw new CommandError(`expected a number of calls, found ${text}`, exitCode.usage);
}

/** The command. */
export const planCommand: CommandDefinition = {
  name: 'plan',
  summary: 'say what a change would do: calls, sidecars, connections, findings; it writes nothing',
  example: `skerry plan -f ./new --against ./old     # offline: two directories
  skerry plan -f ./policies                # what applying them would do to the cluster

Exit 0: no call that works would break. 1: some would, or there are new errors. 2: used wrongly.
With --detailed-exitcode 0: nothing would change, 2: something would, 1: it cannot be told.`,
  configure(command: Command, io: Io, exit): void {
    command
      .requiredOption('-f, --file <dir>', 'directory of Kubernetes YAML as it is to be')
      .option('--against <dir>', 'directory as it is now; without it, the cluster is asked')
      .option('--max-calls <n>', 'judge at most so many calls', parseCalls, 200_000)
      .option('--long', 'leave nothing out of lists')
      .option(
        '--detailed-exitcode',
        'exit 0 where nothing would change, and 2 where something would',
      )
      .option('--json', 'the same as -o json')
      .addOption(new Option('-o, --output <format>').choices(outputFormats).default('table'))
      .action(async (flags: Flags, own: Command) => {
        const isGiven = (flag: keyof MeshFlags): boolean =>
          !['default', undefined].includes(own.getOptionValueSource(flag));
        exit(await run(flags, io, isGiven));
      });
    for (const option of [...meshOptions(), ...clusterOptions()]) command.addOption(option);
  },
};
