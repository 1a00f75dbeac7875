/** `skerry config`: what one sidecar is given, with the YAML behind each piece. */
import { Argument, Option, type Command } from 'commander';
import { stringify } from 'yaml';
import type { ConfigEntry, ConfigView } from '../../admin/index.js';
import { adminSocketOption, askAdmin } from '../admin-client.js';
import type { CommandDefinition } from '../command.js';
import { CommandError, exitCode, formatTable, outputFormats, printData } from '../io.js';
import type { Io, OutputFormat } from '../io.js';

const kinds = ['listeners', 'routes', 'virtualHosts', 'clusters', 'endpoints', 'secrets'] as const;

interface Flags {
  readonly adminSocket?: string;
  readonly output: OutputFormat;
  readonly full: boolean;
}

function table(view: ConfigView, isFull: boolean): string {
  const rows: (readonly string[])[] = [];
  const bodies: string[] = [];
  for (const [kind, entries] of Object.entries(view)) {
    for (const entry of entries) {
      rows.push([kind, entry.name, entry.version, entry.scope, entry.origins.join(', ') || '-']);
      bodies.push(body(kind, entry));
    }
  }
  const listed = formatTable(['KIND', 'NAME', 'VERSION', 'SCOPE', 'FROM'], rows);
  return isFull ? bodies.join('---\n') : listed;
}

function body(kind: string, entry: ConfigEntry): string {
  const from = entry.origins.length > 0 ? ` from ${entry.origins.join(', ')}` : '';
  return `# ${kind} ${entry.name} (${entry.version})${from}\n${stringify(entry.message)}`;
}

async function run(name: string, kind: string | undefined, flags: Flags, io: Io): Promise<void> {
  if (flags.adminSocket === undefined) {
    throw new CommandError('which control plane? give --admin-socket', exitCode.usage);
  }
  const [namespace, pod, ...rest] = name.split('/');
  if (namespace === undefined || pod === undefined || rest.length > 0) {
    throw new CommandError(`expected namespace/pod, found ${name}`, exitCode.usage);
  }
  const path = `/v1/config/${encodeURIComponent(namespace)}/${encodeURIComponent(pod)}`;
  const view = (await askAdmin(flags.adminSocket, path)) as ConfigView;
  const chosen: ConfigView = kind === undefined ? view : { [kind]: view[kind] ?? [] };
  printData(io, flags.output, chosen, () => table(chosen, flags.full));
}

/** The command. */
export const configCommand: CommandDefinition = {
  name: 'config',
  summary: 'show what a sidecar is given, and the object behind each piece; secrets are redacted',
  example: 'skerry config b/reviews-v1 routes --full --admin-socket /var/lib/skerry/admin.sock',
  configure(command: Command, io: Io): void {
    command
      .argument('<name>', 'the sidecar, namespace/pod')
      .addArgument(new Argument('[kind]', 'one kind of resource').choices(kinds))
      .addOption(adminSocketOption())
      .addOption(new Option('-o, --output <format>').choices(outputFormats).default('table'))
      .option('--full', 'print each resource whole, in Envoy’s spelling', false)
      .action((name: string, kind: string | undefined, flags: Flags) => run(name, kind, flags, io));
  },
};
