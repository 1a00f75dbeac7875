/** `skerry inject`: what the webhook would make of the pods in a file. */
import { readFile } from 'node:fs/promises';
import { stdin } from 'node:process';
import { text as readAll } from 'node:stream/consumers';
import { Option, type Command } from 'commander';
import { defaultSettings } from '../../webhook/index.js';
import type { CommandDefinition } from '../command.js';
import { injectManifests } from '../inject-manifests.js';
import { CommandError, exitCode, type Io } from '../io.js';

interface Flags {
  readonly file: string;
  readonly skerryImage: string;
  readonly envoyImage: string;
  readonly controlPlane: string;
  readonly serverName: string;
  readonly rootNamespace: string;
  readonly redirection: 'init' | 'cni';
}

async function readInput(file: string): Promise<string> {
  // Not the path /dev/stdin, which cannot be opened where it is a socket.
  const reading = file === '-' ? readAll(stdin) : readFile(file, 'utf8');
  return reading.catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`cannot read ${file}: ${reason}`, exitCode.usage);
  });
}

async function run(flags: Flags, io: Io): Promise<number> {
  const { file, ...given } = flags;
  const settings = { ...defaultSettings, ...given };
  const { text, injected, notes, problems } = injectManifests(await readInput(file), settings);
  for (const note of notes) io.stderr.write(`skerry: ${note}\n`);
  for (const problem of problems) io.stderr.write(`skerry: ${problem}\n`);
  if (problems.length > 0) return exitCode.problem;
  io.stdout.write(text);
  io.stderr.write(`skerry: ${String(injected)} pods or templates injected\n`);
  return exitCode.ok;
}

/** The command. */
export const injectCommand: CommandDefinition = {
  name: 'inject',
  summary: 'print YAML with the sidecars that its pods would get; other objects pass unchanged',
  example: 'skerry inject -f deployment.yaml',
  configure(command: Command, io: Io, exit): void {
    const preset = defaultSettings;
    command
      .requiredOption('-f, --file <file>', 'YAML or JSON of Kubernetes objects; - for stdin')
      .option('--skerry-image <image>', 'image of Skerry', preset.skerryImage)
      .option('--envoy-image <image>', 'image of stock Envoy', preset.envoyImage)
      .option('--control-plane <host:port>', 'where the ADS server is', preset.controlPlane)
      .option('--server-name <name>', 'DNS name in its certificate', preset.serverName)
      .addOption(
        new Option('--root-namespace <name>', 'namespace of the control plane')
          .env('SKERRY_ROOT_NAMESPACE')
          .default(preset.rootNamespace),
      )
      .addOption(
        new Option('--redirection <means>', 'what leads traffic through the sidecar')
          .choices(['init', 'cni'])
          .default(preset.redirection),
      )
      .action(async (flags: Flags) => {
        exit(await run(flags, io));
      });
  },
};
