/** `skerry proxies`: the sidecars that are connected, what they have, what they refused. */
import { Option, type Command } from 'commander';
import type { ProxyView } from '../../admin/index.js';
import { adminSocketOption, askAdmin } from '../admin-client.js';
import type { CommandDefinition } from '../command.js';
import { CommandError, exitCode, formatTable, outputFormats, printData } from '../io.js';
import type { Io, OutputFormat } from '../io.js';

interface Flags {
  readonly adminSocket?: string;
  readonly output: OutputFormat;
}

/** `3d4h`, `12m`, `9s`: the two largest units at most. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${String(Math.floor(hours / 24))}d${String(hours % 24)}h`;
  if (hours >= 1) return `${String(hours)}h${String(minutes % 60)}m`;
  return minutes >= 1 ? `${String(minutes)}m${String(seconds % 60)}s` : `${String(seconds)}s`;
}

function table(proxies: readonly ProxyView[], nowMs: number): string {
  const rows = proxies.map((proxy) => [
    proxy.name,
    formatAge(nowMs - proxy.connectedSinceMs),
    proxy.variant,
    `${String(proxy.generationAcked)}/${String(proxy.generationSent)}`,
    proxy.pendingForMs === undefined ? '-' : formatAge(proxy.pendingForMs),
    proxy.certificateNotAfterMs === undefined
      ? '-'
      : formatAge(proxy.certificateNotAfterMs - nowMs),
    String(proxy.rejected.length),
  ]);
  const head = ['PROXY', 'CONNECTED', 'XDS', 'ACKED/SENT', 'PENDING', 'CERTIFICATE', 'REJECTED'];
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
  if (flags.adminSocket === undefined) {
    throw new CommandError('which control plane? give --admin-socket', exitCode.usage);
  }
  const all = (await askAdmin(flags.adminSocket, '/v1/proxies')) as readonly ProxyView[];
  const chosen = name === undefined ? all : all.filter((proxy) => proxy.name === name);
  if (name !== undefined && chosen.length === 0) {
    throw new CommandError(`no sidecar ${name} is connected`);
  }
  printData(io, flags.output, chosen, () => table(chosen, Date.now()));
  return chosen.some((proxy) => proxy.rejected.length > 0) ? exitCode.problem : exitCode.ok;
}

/** The command. */
export const proxiesCommand: CommandDefinition = {
  name: 'proxies',
  summary: 'show connected sidecars: what they were sent, have accepted and have refused',
  example: 'skerry proxies b/reviews-v1 --admin-socket /var/lib/skerry/admin.sock',
  configure(command: Command, io: Io, exit): void {
    command
      .argument('[name]', 'one sidecar, namespace/pod')
      .addOption(adminSocketOption())
      .addOption(new Option('-o, --output <format>').choices(outputFormats).default('table'))
      .action(async (name: string | undefined, flags: Flags) => {
        exit(await run(name, flags, io));
      });
  },
};
