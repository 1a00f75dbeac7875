/** The flags that installing, upgrading and removing share. */
import { Option } from 'commander';
import { stringify } from 'yaml';
import { clusterOptions, type ClusterFlags } from '../cluster/connect.js';
import { CommandError, exitCode, type Io } from '../io.js';
import { parseWaitLimit } from '../seconds.js';
import type { Session } from './apply.js';
import type { InstalledOptions } from './installed.js';
import type { Manifest } from './manifest.js';
import {
  checkInstallOptions,
  defaultInstall,
  highlyAvailableReplicas,
  maxReplicas,
  type InstallOptions,
} from './options.js';

/** Flags of every command that prints or applies. */
export interface ActionFlags extends ClusterFlags {
  readonly apply: boolean;
  readonly timeout: number;
  readonly output: 'yaml' | 'json';
}

/** Flags that say what is installed; absent: what is installed already, else the preset. */
export interface InstallFlags extends ActionFlags {
  readonly registry?: string;
  readonly imageTag: string;
  readonly ha?: boolean;
  readonly replicas?: number;
  readonly redirection?: InstallOptions['redirection'];
  readonly cniBinDir?: string;
  readonly cniConfDir?: string;
  readonly trustDomain?: string;
  readonly meshCidr?: readonly string[];
  readonly accessLog?: InstallOptions['accessLog'];
}

function parseReplicas(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= maxReplicas) return count;
  throw new CommandError(
    `expected 1 to ${String(maxReplicas)} replicas, found ${text}`,
    exitCode.usage,
  );
}

function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), ...value.split(',').filter((part) => part !== '')];
}

/** The options behind {@link ActionFlags}. */
export function actionOptions(): readonly Option[] {
  return [
    new Option('--apply', 'do it in the cluster, instead of printing').default(false),
    new Option('--timeout <time>', 'with --apply: give up after so long, such as 90s or 5m')
      .argParser(parseWaitLimit)
      .default(300, '5m'),
    new Option('-o, --output <format>', 'form of what is printed')
      .choices(['yaml', 'json'])
      .default('yaml'),
    ...clusterOptions(),
  ];
}

/** The options behind {@link InstallFlags}. */
export function installFlagOptions(): readonly Option[] {
  const preset = defaultInstall;
  const kept = (value: string | number): string => `(default: what is installed, else ${value})`;
  return [
    new Option(
      '--registry <prefix>',
      `where all images lie, injected ones too ${kept(preset.registry)}`,
    ),
    new Option('--image-tag <tag>', 'tag of Skerry’s image').default(preset.imageTag),
    new Option('--ha', 'three replicas, never two on one node while another has none'),
    new Option('--no-ha', 'no longer so'),
    new Option(
      '--replicas <count>',
      `how many replicas (default: what is installed, else ${preset.replicas}, with --ha ${highlyAvailableReplicas})`,
    ).argParser(parseReplicas),
    new Option(
      '--redirection <means>',
      `what leads traffic through the sidecar ${kept(preset.redirection)}`,
    ).choices(['init', 'cni']),
    new Option(
      '--cni-bin-dir <dir>',
      `with cni: where CNI plugins lie on nodes ${kept(preset.cniBinDir)}`,
    ),
    new Option(
      '--cni-conf-dir <dir>',
      `with cni: where their configuration lies ${kept(preset.cniConfDir)}`,
    ),
    new Option(
      '--trust-domain <name>',
      `trust domain of every identity ${kept(preset.trustDomain)}`,
    ),
    new Option(
      '--mesh-cidr <cidr>',
      `addresses of Services and pods; repeatable ${kept('any address may be the mesh’s')}`,
    ).argParser(collect),
    new Option('--access-log <mode>', `what sidecars log ${kept(preset.accessLog)}`).choices([
      ...['Off', 'Errors', 'All'],
    ]),
    ...actionOptions(),
  ];
}

function replicasOf(flags: InstallFlags, installed: InstalledOptions): number {
  if (flags.replicas !== undefined) return flags.replicas;
  if (flags.ha === undefined || flags.ha === installed.isHighlyAvailable) {
    return installed.replicas ?? defaultInstall.replicas;
  }
  return flags.ha ? highlyAvailableReplicas : defaultInstall.replicas;
}

/** What the flags ask for, over what is installed already; throws what is wrong with them. */
export function toInstallOptions(
  flags: InstallFlags,
  installed: InstalledOptions = {},
): InstallOptions {
  const { registry, imageTag, redirection, trustDomain, accessLog, ha, meshCidr } = flags;
  const { cniBinDir, cniConfDir } = flags;
  const options: InstallOptions = {
    ...defaultInstall,
    ...installed,
    ...(registry !== undefined && { registry }),
    ...(redirection !== undefined && { redirection }),
    ...(cniBinDir !== undefined && { cniBinDir }),
    ...(cniConfDir !== undefined && { cniConfDir }),
    ...(trustDomain !== undefined && { trustDomain }),
    ...(accessLog !== undefined && { accessLog }),
    ...(meshCidr !== undefined && { meshCidrs: meshCidr }),
    ...(ha !== undefined && { isHighlyAvailable: ha }),
    imageTag,
    replicas: replicasOf(flags, installed),
  };
  const problems = checkInstallOptions(options);
  if (problems.length > 0) throw new CommandError(problems.join('\nskerry: '), exitCode.usage);
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
