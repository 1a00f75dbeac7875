/** `skerry config`: what one sidecar is given, with the YAML behind each piece. */
import { Argument, Option, type Command } from 'commander';
import { stringify } from 'yaml';
import type { ConfigEntry, ConfigView } from '../../admin/index.js';
import {
  askAny,
  controlPlaneOptions,
  withReplicas,
  type ControlPlaneFlags,
} from '../admin-client.js';
import type { Replica } from '../cluster/replicas.js';
import type { CommandDefinition } from '../command.js';
import { CommandError, exitCode, formatTable, outputFormats, printData } from '../io.js';
import type { Io, OutputFormat } from '../io.js';
import { gatherProxies } from './proxies.js';

const kinds = ['listeners', 'routes', 'virtualHosts', 'clusters', 'endpoints', 'secrets'] as const;

interface Flags extends ControlPlaneFlags {
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

/** The replica that the sidecar is connected to knows its certificate too, so it is asked first. */
async function nearestFirst(
  replicas: readonly Replica[],
  name: string,
): Promise<readonly Replica[]> {
  if (replicas.length < 2) return replicas;
  const { proxies } = await gatherProxies(replicas);
  const holders = new Set(proxies.filter((one) => one.name === name).map((one) => one.replica));
  return [...replicas].sort((a, b) => Number(holders.has(b.name)) - Number(holders.has(a.name)));
}

async function run(name: string, kind: string | undefined, flags: Flags, io: Io): Promise<void> {
  const [namespace, pod, ...rest] = name.split('/');
  if (namespace === undefined || pod === undefined || rest.length > 0) {
    throw new CommandError(`expected namespace/pod, found ${name}`, exitCode.usage);
  }
  const path = `/v1/config/${encodeURIComponent(namespace)}/${encodeURIComponent(pod)}`;
  const view = (await withReplicas(flags, io, async (replicas) =>
    askAny(await nearestFirst(replicas, name), path),
  )) as ConfigView;
  const chosen: ConfigView = kind === undefined ? view : { [kind]: view[kind] ?? [] };
  printData(io, flags.output, chosen, () => table(chosen, flags.full));
}

/** The command. */
export const configCommand: CommandDefinition = {
  name: 'config',
  summary: 'show what a sidecar is given, and the object behind each piece; secrets are redacted',
  example: 'skerry config b/reviews-v1 routes --full',
  configure(command: Command, io: Io): void {
    command
      .argument('<name>', 'the sidecar, namespace/pod')
      .addArgument(new Argument('[kind]', 'one kind of resource').choices(kinds))
      .addOption(new Option('-o, --output <format>').choices(outputFormats).default('table'))
      .option('--full', 'print each resource whole, in Envoy’s spelling', false)
      .action((name: string, kind: string | undefined, flags: Flags) => run(name, kind, flags, io));
    for (const option of controlPlaneOptions()) command.addOption(option);
  },
};
