/** `skerry proxies`: the sidecars that are connected, what they have, what they refused. */
import { Option, type Command } from 'commander';
import type { ProxyView } from '../../admin/index.js';
import { formatAge } from '../age.js';
import { controlPlaneOptions, withReplicas, type ControlPlaneFlags } from '../admin-client.js';
import type { Replica } from '../cluster/replicas.js';
import type { CommandDefinition } from '../command.js';
import { CommandError, exitCode, formatTable, outputFormats, printData } from '../io.js';
import type { Io, OutputFormat } from '../io.js';

interface Flags extends ControlPlaneFlags {
  readonly output: OutputFormat;
}

/** A sidecar, and the replica that it is connected to; undefined where there is only one. */
export interface ServedProxy extends ProxyView {
  readonly replica?: string;
}

/** All sidecars of all replicas by name; what a replica that does not answer has is told as a problem. */
export async function gatherProxies(
  replicas: readonly Replica[],
): Promise<{ readonly proxies: readonly ServedProxy[]; readonly problems: readonly string[] }> {
  const problems: string[] = [];
  const each = await Promise.all(
    replicas.map(async (replica): Promise<readonly ServedProxy[]> => {
      const { name } = replica;
      try {
        const views = (await replica.ask('/v1/proxies')) as readonly ProxyView[];
        return views.map((view) => ({ ...view, ...(name !== undefined && { replica: name }) }));
      } catch (error) {
        if (name === undefined) throw error;
        problems.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
        return [];
      }
    }),
  );
  const proxies = each.flat().sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return { proxies, problems };
}

function table(proxies: readonly ServedProxy[], nowMs: number): string {
  const hasReplicas = proxies.some(({ replica }) => replica !== undefined);
  const rows = proxies.map((proxy) => [
    proxy.name,
    ...(hasReplicas ? [proxy.replica ?? '-'] : []),
    formatAge(nowMs - proxy.connectedSinceMs),
    proxy.variant,
    `${String(proxy.generationAcked)}/${String(proxy.generationSent)}`,
    proxy.pendingForMs === undefined ? '-' : formatAge(proxy.pendingForMs),
    proxy.certificateNotAfterMs === undefined
      ? '-'
      : formatAge(proxy.certificateNotAfterMs - nowMs),
    String(proxy.rejected.length),
  ]);
  const head = [
    ...['PROXY', ...(hasReplicas ? ['REPLICA'] : [])],
    ...['CONNECTED', 'XDS', 'ACKED/SENT', 'PENDING', 'CERTIFICATE', 'REJECTED'],
  ];
  const rejections = proxies.flatMap((proxy) =>
    proxy.rejected.map(
      (one) =>
        `${proxy.name} refused ${one.type} ${one.resource} (from ${one.origins.join(', ') || 'no object'}): ${one.message}`,
    ),
  );
  return [formatTable(head, rows), ...(rejections.length > 0 ? ['', ...rejections] : [])].join(
    '\n',
  );
}

async function run(name: string | undefined, flags: Flags, io: Io): Promise<number> {
  const { proxies, problems } = await withReplicas(flags, io, gatherProxies);
  for (const problem of problems) io.stderr.write(`skerry: not answered by ${problem}\n`);
  const chosen = name === undefined ? proxies : proxies.filter((proxy) => proxy.name === name);
  if (name !== undefined && chosen.length === 0) {
    throw new CommandError(`no sidecar ${name} is connected`);
  }
  printData(io, flags.output, chosen, () => table(chosen, Date.now()));
  const isWell = problems.length === 0 && chosen.every((proxy) => proxy.rejected.length === 0);
  return isWell ? exitCode.ok : exitCode.problem;
}

/** The command. */
export const proxiesCommand: CommandDefinition = {
  name: 'proxies',
  summary: 'show connected sidecars: what they were sent, have accepted and have refused',
  example: 'skerry proxies b/reviews-v1',
  configure(command: Command, io: Io, exit): void {
    command
      .argument('[name]', 'one sidecar, namespace/pod')
      .addOption(new Option('-o, --output <format>').choices(outputFormats).default('table'))
      .action(async (name: string | undefined, flags: Flags) => {
        exit(await run(name, flags, io));
      });
    for (const option of controlPlaneOptions()) command.addOption(option);
  },
};
