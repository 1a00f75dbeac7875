/** `skerry sidecar`: the pod's side of the contract, one step at a time. */
import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import {
  applyRedirect,
  drain,
  initSidecar,
  isReady,
  NotRedirectedError,
  proxyCommand,
  redirectRules,
  RedirectError,
  SidecarInitError,
  verifyRedirect,
  type IpFamily,
} from '../../sidecar/index.js';
import type { CommandDefinition } from '../command.js';
import { CommandError, exitCode, type Io } from '../io.js';

interface InitFlags {
  readonly namespace: string;
  readonly pod: string;
  readonly serviceAccount: string;
  readonly podUid: string;
  readonly tokenFile: string;
  readonly rootBundle: string;
  readonly controlPlane: string;
  readonly serverName: string;
  readonly directory: string;
  readonly xds: 'delta' | 'sotw';
  readonly keepKey: boolean;
  readonly envoy: string;
}

interface RedirectFlags {
  readonly excludeInboundPort: readonly number[];
  readonly excludeOutboundPort: readonly number[];
  readonly excludeOutboundCidr: readonly string[];
  readonly family: readonly IpFamily[];
  readonly print: boolean;
}

interface VerifyFlags {
  readonly excludeOutboundPort: readonly number[];
  readonly excludeOutboundCidr: readonly string[];
  readonly family: readonly IpFamily[];
  readonly wait: number;
}

function parseAddress(text: string): { readonly address: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^[\]:]+)):(\d{1,5})$/.exec(text);
  const address = match?.[1] ?? match?.[2];
  if (address === undefined) {
    throw new CommandError(`expected host:port, found ${text}`, exitCode.usage);
  }
  return { address, port: Number(match?.[3]) };
}

function collectPort(text: string, earlier: readonly number[]): readonly number[] {
  const ports = text.split(',').map(Number);
  if (ports.some((port) => !Number.isInteger(port) || port < 1 || port > 65535)) {
    throw new CommandError(`expected ports from 1 to 65535, found ${text}`, exitCode.usage);
  }
  return [...earlier, ...ports];
}

function collectText(text: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, ...text.split(',')];
}

async function init(flags: InitFlags, io: Io): Promise<void> {
  const layout = await initSidecar({
    nodeId: `${flags.namespace}/${flags.pod}`,
    serviceAccount: flags.serviceAccount,
    podUid: flags.podUid,
    controlPlane: { ...parseAddress(flags.controlPlane), serverName: flags.serverName },
    directory: resolve(flags.directory),
    tokenPath: resolve(flags.tokenFile),
    rootBundlePath: resolve(flags.rootBundle),
    adsVariant: flags.xds,
    statsProfile: 'minimal',
    key: flags.keepKey ? 'keep' : 'fresh',
  }).catch((error: unknown) => {
    throw error instanceof SidecarInitError ? new CommandError(error.message) : error;
  });
  const { file, args } = proxyCommand({
    envoyPath: flags.envoy,
    bootstrapPath: layout.bootstrapPath,
    runAs: process.geteuid?.() === 0 ? 'proxy' : 'caller',
  });
  io.stderr.write(`skerry: the sidecar is ready to be started by the command on stdout\n`);
  io.stdout.write(`${[file, ...args].join(' ')}\n`);
}

async function redirect(flags: RedirectFlags, io: Io): Promise<void> {
  const options = {
    excludeInboundPorts: flags.excludeInboundPort,
    excludeOutboundPorts: flags.excludeOutboundPort,
    excludeOutboundCidrs: flags.excludeOutboundCidr,
  };
  if (flags.print) {
    const rules = redirectRules(options);
    io.stdout.write(`# iptables-restore\n${rules.v4}# ip6tables-restore\n${rules.v6}`);
    return;
  }
  const families = flags.family.length > 0 ? flags.family : (['v4', 'v6'] as const);
  await applyRedirect({ ...options, families }).catch((error: unknown) => {
    throw error instanceof RedirectError ? new CommandError(error.message) : error;
  });
}

async function verify(flags: VerifyFlags, io: Io): Promise<void> {
  const found = await verifyRedirect({
    families: flags.family.length > 0 ? flags.family : ['v4', 'v6'],
    excludeOutboundPorts: flags.excludeOutboundPort,
    excludeOutboundCidrs: flags.excludeOutboundCidr,
    waitMs: flags.wait * 1_000,
  }).catch((error: unknown) => {
    if (!(error instanceof NotRedirectedError)) throw error;
    const remedy =
      'the CNI plugin of Skerry did not set this pod up: see whether the DaemonSet skerry-cni in ' +
      'the namespace skerry-cni is ready on this node; when it is and this stays, delete the pod';
    throw new CommandError(`${error.message}; ${remedy}`);
  });
  for (const each of found) {
    const what = each.kind === 'redirected' ? 'redirected' : `not verified: ${each.reason}`;
    io.stdout.write(`${each.family}: ${what}\n`);
  }
}

function parseWait(text: string): number {
  const seconds = Number(text);
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > 3_600) {
    throw new CommandError(`expected seconds from 0 to 3600, found ${text}`, exitCode.usage);
  }
  return seconds;
}

function addInit(parent: Command, io: Io): void {
  parent
    .command('init')
    .description('make a key, a certificate request and a bootstrap; prints the command for Envoy')
    .requiredOption('--namespace <name>', 'the workload’s namespace')
    .requiredOption('--pod <name>', 'its pod’s name')
    .requiredOption('--service-account <name>', 'its service account')
    .requiredOption('--pod-uid <uid>', 'its pod’s uid')
    .requiredOption('--token-file <path>', 'file with its token, which others keep fresh')
    .requiredOption('--root-bundle <path>', 'file with the trust bundle')
    .requiredOption('--control-plane <host:port>', 'where the ADS server is')
    .requiredOption('--directory <dir>', 'where to prepare the sidecar; mode 0700')
    .option(
      '--server-name <name>',
      'DNS name in the control plane’s certificate',
      'skerry.skerry-system.svc',
    )
    .addOption(
      new Option('--xds <variant>', 'how configuration is carried')
        .choices(['delta', 'sotw'])
        .default('delta'),
    )
    .option('--keep-key', 'keep the key that is there instead of making a fresh one', false)
    .addOption(new Option('--envoy <path>', 'Envoy').env('SKERRY_ENVOY').default('envoy'))
    .action((flags: InitFlags) => init(flags, io));
}

function addRedirect(parent: Command, io: Io): void {
  const none: readonly never[] = [];
  parent
    .command('redirect')
    .description('lead the traffic of this network namespace through the sidecar (iptables)')
    .option('--exclude-inbound-port <ports>', 'ports of the app left alone', collectPort, none)
    .option('--exclude-outbound-port <ports>', 'called ports left alone', collectPort, none)
    .option('--exclude-outbound-cidr <cidrs>', 'called blocks left alone', collectText, none)
    .option('--family <family>', 'v4 or v6; repeatable (default: both)', collectText, none)
    .option('--print', 'print the rules instead of applying them', false)
    .action((flags: RedirectFlags) => redirect(flags, io));
}

function addVerify(parent: Command, io: Io): void {
  const none: readonly never[] = [];
  parent
    .command('verify')
    .description('prove that connections are led through the sidecar, before it starts; no rights')
    .option('--exclude-outbound-port <ports>', 'called ports left alone', collectPort, none)
    .option('--exclude-outbound-cidr <cidrs>', 'called blocks left alone', collectText, none)
    .option('--family <family>', 'v4 or v6; repeatable (default: both)', collectText, none)
    .option('--wait <seconds>', 'how long to try again', parseWait, 60)
    .action((flags: VerifyFlags) => verify(flags, io));
}

/** The command. */
export const sidecarCommand: CommandDefinition = {
  name: 'sidecar',
  summary: 'prepare a sidecar, redirect traffic to it, ask whether it is ready, drain it',
  example:
    'skerry sidecar init --namespace shop --pod cart-1 --service-account cart --pod-uid 7f3a --token-file token --root-bundle root.pem --control-plane 10.0.0.2:15010 --directory /run/skerry',
  configure(command: Command, io: Io, exit): void {
    addInit(command, io);
    addRedirect(command, io);
    addVerify(command, io);
    command
      .command('ready')
      .description('exit 0 when the sidecar of this network namespace serves')
      .action(async () => {
        exit((await isReady({})) ? exitCode.ok : exitCode.problem);
      });
    command
      .command('drain')
      .description('begin to end inbound connections; outbound ones stay')
      .requiredOption('--directory <dir>', 'where the sidecar was prepared')
      .action(async (flags: { readonly directory: string }) => {
        await drain({ adminSocket: resolve(flags.directory, 'run/admin.sock') });
      });
  },
};
