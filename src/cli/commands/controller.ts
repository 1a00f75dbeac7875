/** `skerry controller`: runs the control plane until it is told to stop. */
import { Option, type Command } from 'commander';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { CommandDefinition } from '../command.js';
import type { ControllerOptions } from '../controller-options.js';
import { CommandError, exitCode, type Io } from '../io.js';

interface Flags {
  readonly directory?: string;
  readonly stateDir?: string;
  readonly rootFile?: string;
  readonly kubernetes: boolean;
  readonly kubeconfig?: string;
  readonly replica?: string;
  readonly webhookListen?: string;
  readonly skerryImage?: string;
  readonly envoyImage?: string;
  readonly redirection: 'init' | 'cni';
  readonly keySets: boolean;
  readonly caBundles: boolean;
  readonly credentials: boolean;
  readonly healthListen?: string;
  readonly listen: string;
  readonly serverName?: readonly string[];
  readonly adminSocket?: string;
  readonly trustDomain: string;
  readonly rootNamespace: string;
  readonly meshCidr?: readonly string[];
  readonly outbound: ControllerOptions['outbound'];
  readonly accessLog: ControllerOptions['accessLog'];
  readonly svidTtl: number;
  readonly maxStreamAge: number;
  readonly logLevel: ControllerOptions['logLevel'];
}

function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), ...value.split(',').filter((part) => part !== '')];
}

/** Whole seconds, at least one. */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!Number.isInteger(seconds) || seconds < 1) {
    throw new CommandError(`expected whole seconds, found ${text}`, exitCode.usage);
  }
  return seconds;
}

/** Resolves when the process is told to stop. */
function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        resolve();
      });
    }
  });
}

function usage(message: string): CommandError {
  return new CommandError(message, exitCode.usage);
}

/** Where the control plane runs, from flags that exclude each other. */
function platformOf(flags: Flags): ControllerOptions['platform'] {
  const { directory, stateDir, kubernetes, kubeconfig, webhookListen } = flags;
  if (!kubernetes) {
    if (directory === undefined || stateDir === undefined) {
      throw usage('expected --directory with --state-dir, or --kubernetes; found neither');
    }
    const { rootFile } = flags;
    return {
      ...{ kind: 'directory', directory, stateDirectory: stateDir },
      ...(rootFile !== undefined && { rootFile }),
    };
  }
  if (directory !== undefined) throw usage('expected --kubernetes or --directory, found both');
  return {
    kind: 'kubernetes',
    replica: flags.replica ?? hostname(),
    redirection: flags.redirection,
    follows: [
      ...(flags.keySets ? ['keySets' as const] : []),
      ...(flags.caBundles ? ['caBundles' as const] : []),
      ...(flags.credentials ? ['credentials' as const] : []),
    ],
    ...(kubeconfig !== undefined && { kubeconfig }),
    ...(webhookListen !== undefined && { webhookListen }),
    ...(flags.skerryImage !== undefined && { skerryImage: flags.skerryImage }),
    ...(flags.envoyImage !== undefined && { envoyImage: flags.envoyImage }),
  };
}

function adminSocketOf(flags: Flags): string {
  const path =
    flags.adminSocket ??
    (flags.stateDir === undefined ? undefined : join(flags.stateDir, 'admin.sock'));
  if (path === undefined) throw usage('expected --admin-socket, as there is no --state-dir');
  return path;
}

async function run(flags: Flags, io: Io): Promise<void> {
  const running = await io.startController({
    platform: platformOf(flags),
    listen: flags.listen,
    ...(flags.healthListen !== undefined && { healthListen: flags.healthListen }),
    serverNames: flags.serverName ?? ['skerry.skerry-system.svc'],
    adminSocket: adminSocketOf(flags),
    trustDomain: flags.trustDomain,
    rootNamespace: flags.rootNamespace,
    meshCidrs: flags.meshCidr ?? [],
    outbound: flags.outbound,
    accessLog: flags.accessLog,
    svidTtlSeconds: flags.svidTtl,
    maxStreamAgeSeconds: flags.maxStreamAge,
    logLevel: flags.logLevel,
  });
  io.stderr.write(`skerry: serving ADS on ${running.address}\n`);
  await untilStopped();
  await running.stop();
}

function addPlatform(command: Command): void {
  command
    .addOption(
      new Option('--directory <dir>', 'Kubernetes YAML to serve; watched').env('SKERRY_DIRECTORY'),
    )
    .addOption(
      new Option(
        '--state-dir <dir>',
        'with --directory: where the CA and the last good objects are kept',
      ).env('SKERRY_STATE_DIR'),
    )
    .addOption(
      new Option(
        '--root-file <file>',
        'with --directory: a file kept with the trust bundle, for sidecars on this machine',
      ).env('SKERRY_ROOT_FILE'),
    )
    .addOption(
      new Option('--kubernetes', 'serve what a Kubernetes API server holds')
        .env('SKERRY_KUBERNETES')
        .default(false),
    )
    .addOption(
      new Option(
        '--kubeconfig <file>',
        'how the API server is reached (default: the pod’s service account)',
      ).env('SKERRY_KUBECONFIG'),
    )
    .addOption(
      new Option('--replica <name>', 'name of this replica’s pod (default: the host name)').env(
        'SKERRY_REPLICA',
      ),
    )
    .addOption(
      new Option('--webhook-listen <host:port>', 'address of the admission webhook').env(
        'SKERRY_WEBHOOK_LISTEN',
      ),
    )
    .addOption(
      new Option('--skerry-image <image>', 'image of Skerry in injected pods').env(
        'SKERRY_SKERRY_IMAGE',
      ),
    )
    .addOption(
      new Option('--envoy-image <image>', 'image of stock Envoy in injected pods').env(
        'SKERRY_ENVOY_IMAGE',
      ),
    )
    .addOption(
      new Option(
        '--redirection <means>',
        'what leads traffic through the sidecar of an injected pod',
      )
        .env('SKERRY_REDIRECTION')
        .choices(['init', 'cni'])
        .default('init'),
    )
    .addOption(
      new Option(
        '--key-sets',
        'with --kubernetes: follow ConfigMaps labelled skerry.dev/jwks=true, which takes the right to list and watch ConfigMaps',
      )
        .env('SKERRY_KEY_SETS')
        .default(false),
    )
    .addOption(
      new Option(
        '--ca-bundles',
        'with --kubernetes: follow ConfigMaps labelled skerry.dev/ca-bundle=true, which takes the right to list and watch ConfigMaps',
      )
        .env('SKERRY_CA_BUNDLES')
        .default(false),
    )
    .addOption(
      new Option(
        '--credentials',
        'with --kubernetes: follow Secrets labelled skerry.dev/credential=true, which takes the right to list and watch Secrets',
      )
        .env('SKERRY_CREDENTIALS')
        .default(false),
    );
}

/** The command. */
export const controllerCommand: CommandDefinition = {
  name: 'controller',
  summary: 'run the control plane, from Kubernetes or from a directory of its YAML',
  example: 'skerry controller --directory ./mesh --state-dir /var/lib/skerry',
  configure(command: Command, io: Io): void {
    addPlatform(command);
    command
      .addOption(
        new Option('--health-listen <host:port>', 'address of health, readiness and metrics').env(
          'SKERRY_HEALTH_LISTEN',
        ),
      )
      .addOption(
        new Option('--listen <host:port>', 'address of the ADS server')
          .env('SKERRY_LISTEN')
          .default('0.0.0.0:15010'),
      )
      .addOption(
        new Option(
          '--server-name <name>',
          'DNS name in the control plane’s certificate; repeatable (default: skerry.skerry-system.svc)',
        )
          .env('SKERRY_SERVER_NAME')
          .argParser(collect),
      )
      .addOption(
        new Option(
          '--admin-socket <path>',
          'unix socket of the admin API (default: <state-dir>/admin.sock)',
        ).env('SKERRY_ADMIN_SOCKET'),
      )
      .addOption(
        new Option('--trust-domain <name>', 'trust domain of every identity')
          .env('SKERRY_TRUST_DOMAIN')
          .default('cluster.local'),
      )
      .addOption(
        new Option('--root-namespace <name>', 'namespace that may speak for the whole mesh')
          .env('SKERRY_ROOT_NAMESPACE')
          .default('skerry-system'),
      )
      .addOption(
        new Option(
          '--mesh-cidr <cidr>',
          'addresses of Services and pods; repeatable (default: any address may be the mesh’s)',
        )
          .env('SKERRY_MESH_CIDR')
          .argParser(collect),
      )
      .addOption(
        new Option('--outbound <layout>', 'what sidecars hold: what they use, or everything')
          .env('SKERRY_OUTBOUND')
          .choices(['on-demand', 'eager'])
          .default('on-demand'),
      )
      .addOption(
        new Option('--access-log <mode>', 'what sidecars log')
          .env('SKERRY_ACCESS_LOG')
          .choices(['Off', 'Errors', 'All'])
          .default('Errors'),
      )
      .addOption(
        new Option('--svid-ttl <seconds>', 'life of a workload’s certificate')
          .env('SKERRY_SVID_TTL')
          .argParser(parseSeconds)
          .default(43_200),
      )
      .addOption(
        new Option('--max-stream-age <seconds>', 'age at which a sidecar is asked to reconnect')
          .env('SKERRY_MAX_STREAM_AGE')
          .argParser(parseSeconds)
          .default(1_800),
      )
      .addOption(
        new Option('--log-level <level>', 'how much is logged (JSON, stderr)')
          .env('SKERRY_LOG_LEVEL')
          .choices(['info', 'warn', 'error', 'silent'])
          .default('info'),
      )
      .action((flags: Flags) => run(flags, io));
  },
};
