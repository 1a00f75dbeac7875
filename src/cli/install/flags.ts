/** The flags that installing, upgrading and removing share. */
import { Option } from 'commander';
import { stringify } from 'yaml';
import { clusterOptions, type ClusterFlags } from '../cluster/connect.js';
import { CommandError, exitCode, type Io } from '../io.js';
import { parseSeconds } from '../commands/controller.js';
import type { Session } from './apply.js';
import type { Manifest } from './manifest.js';
import {
  checkInstallOptions,
  defaultInstall,
  highlyAvailableReplicas,
  type InstallOptions,
} from './options.js';

/** Flags of every command that prints or applies. */
export interface ActionFlags extends ClusterFlags {
  readonly apply: boolean;
  readonly timeout: number;
  readonly output: 'yaml' | 'json';
}

/** Flags that say what is installed. */
export interface InstallFlags extends ActionFlags {
  readonly registry: string;
  readonly imageTag: string;
  readonly ha: boolean;
  readonly replicas?: number;
  readonly redirection: InstallOptions['redirection'];
  readonly trustDomain: string;
  readonly meshCidr?: readonly string[];
  readonly accessLog: InstallOptions['accessLog'];
}

function parseReplicas(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 100) return count;
  throw new CommandError(`expected 1 to 100 replicas, found ${text}`, exitCode.usage);
}

function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), ...value.split(',').filter((part) => part !== '')];
}

/** The options behind {@link ActionFlags}. */
export function actionOptions(): readonly Option[] {
  return [
    new Option('--apply', 'do it in the cluster, instead of printing').default(false),
    new Option('--timeout <seconds>', 'with --apply: give up after so long')
      .argParser(parseSeconds)
      .default(300),
    new Option('-o, --output <format>', 'form of what is printed')
      .choices(['yaml', 'json'])
      .default('yaml'),
    ...clusterOptions(),
  ];
}

/** The options behind {@link InstallFlags}. */
export function installFlagOptions(): readonly Option[] {
  const preset = defaultInstall;
  return [
    new Option('--registry <prefix>', 'where all images lie, injected ones too').default(
      preset.registry,
    ),
    new Option('--image-tag <tag>', 'tag of Skerry’s image').default(preset.imageTag),
    new Option('--ha', 'three replicas, never two on one node while another has none').default(
      false,
    ),
    new Option('--replicas <count>', 'how many replicas (default: 2, with --ha 3)').argParser(
      parseReplicas,
    ),
    new Option('--redirection <means>', 'what leads traffic through the sidecar')
      .choices(['init', 'cni'])
      .default(preset.redirection),
    new Option('--trust-domain <name>', 'trust domain of every identity').default(
      preset.trustDomain,
    ),
    new Option(
      '--mesh-cidr <cidr>',
      'addresses of Services and pods; repeatable (default: any address may be the mesh’s)',
    ).argParser(collect),
    new Option('--access-log <mode>', 'what sidecars log')
      .choices(['Off', 'Errors', 'All'])
      .default(preset.accessLog),
    ...actionOptions(),
  ];
}

/** What the flags ask for; throws what is wrong with them. */
export function toInstallOptions(flags: InstallFlags): InstallOptions {
  const { registry, imageTag, redirection, trustDomain, accessLog, ha } = flags;
  const options: InstallOptions = {
    ...defaultInstall,
    ...{ registry, imageTag, redirection, trustDomain, accessLog, isHighlyAvailable: ha },
    replicas: flags.replicas ?? (ha ? highlyAvailableReplicas : defaultInstall.replicas),
    meshCidrs: flags.meshCidr ?? [],
  };
  const [problem] = checkInstallOptions(options);
  if (problem !== undefined) throw new CommandError(problem, exitCode.usage);
  return options;
}

/** Objects as text for `kubectl apply -f -`. */
export function spellManifests(manifests: readonly Manifest[], format: 'yaml' | 'json'): string {
  if (format === 'json') {
    return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests }, null, 2)}\n`;
  }
  // kubectl reads YAML 1.1, to which a bare `on` or `Off` is a boolean; anchors are for nobody.
  const settings = { version: '1.1', aliasDuplicateObjects: false, lineWidth: 0 } as const;
  return manifests.map((manifest) => stringify(manifest, settings)).join('---\n');
}

/** A session whose progress goes to the standard error. */
export function sessionOf(client: Session['client'], flags: ActionFlags, io: Io): Session {
  return {
    client,
    signal: AbortSignal.timeout(flags.timeout * 1000),
    say: (line) => io.stderr.write(`skerry: ${line}\n`),
  };
}
