/** `skerry cni`: the plugin of one node: keeps it there, or takes it away. */
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { createHealthServer } from '../../admin/index.js';
import { createInstaller, takeAway, type Installer, type NodeFolders } from '../../cni/index.js';
import { createLogger, type Logger } from '../../lib/index.js';
import { openKubernetesClient } from '../../sources/index.js';
import { ownerState, type OwnerName, type OwnerState } from '../cluster/owner.js';
import type { CommandDefinition } from '../command.js';
import { CommandError, exitCode, type Io } from '../io.js';
import { optionPatterns } from '../install/options.js';
import { pause } from '../pause.js';

interface FolderFlags {
  readonly cniBinDir: string;
  readonly cniConfDir: string;
  readonly cniCacheDir: string;
  readonly netnsDir: string;
  readonly nodeBinDir: string;
}

interface InstallFlags extends FolderFlags {
  readonly runtime: string;
  readonly daemonset?: OwnerName;
  readonly healthListen: { readonly host: string; readonly port: number };
}

// A container runtime reads a changed configuration within milliseconds.
const settleMs = 1_000;
const askMs = 5_000;

function foldersOf(flags: FolderFlags): NodeFolders {
  return {
    binaries: flags.cniBinDir,
    configurations: flags.cniConfDir,
    results: join(flags.cniCacheDir, 'results'),
    namespaces: flags.netnsDir,
    shells: flags.nodeBinDir,
  };
}

function settle(): Promise<void> {
  return pause(settleMs, AbortSignal.timeout(settleMs * 2));
}

function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        resolve();
      });
    }
  });
}

/** Asks what becomes of our DaemonSet; who runs the command by hand stays. */
async function askForOwner(flags: InstallFlags, io: Io): Promise<OwnerState> {
  if (flags.daemonset === undefined) return 'stays';
  const client = (io.openCluster ?? openKubernetesClient)({});
  try {
    return await ownerState(client, flags.daemonset, AbortSignal.timeout(askMs));
  } finally {
    client.close();
  }
}

function metricsOf(installer: Installer): string {
  const { repairs, mendedPods } = installer.counts();
  return [
    '# TYPE skerry_cni_repairs_total counter',
    `skerry_cni_repairs_total ${String(repairs)}`,
    '# TYPE skerry_cni_mended_pods_total counter',
    `skerry_cni_mended_pods_total ${String(mendedPods)}`,
    '',
  ].join('\n');
}

async function install(flags: InstallFlags, io: Io): Promise<void> {
  const write = (line: string): void => {
    io.stderr.write(line);
  };
  const logger = createLogger({ level: 'info', write });
  const folders = foldersOf(flags);
  const installer = createInstaller({ folders, source: flags.runtime, logger });
  const health = createHealthServer({
    ...flags.healthListen,
    isReady: () => installer.state(),
    metrics: () => Promise.resolve(metricsOf(installer)),
  });
  const stopped = untilStopped();
  await health.start();
  try {
    await installer.start();
    await stopped;
  } finally {
    await installer.stop();
    await health.stop();
  }
  const daemonSet = await askForOwner(flags, io);
  // In doubt it stays: a node that can redirect without need harms nobody, one that cannot does.
  if (daemonSet === 'goes') tell(await takeAway(folders, settle), logger);
  else logger.info('the node keeps the plugin', { daemonSet });
}

function tell(problems: readonly string[], logger: Logger): void {
  for (const problem of problems) logger.warn('something of the plugin stays', { problem });
  if (problems.length === 0) logger.info('the plugin is removed from this node');
}

async function remove(flags: FolderFlags, io: Io): Promise<void> {
  const problems = await takeAway(foldersOf(flags), settle);
  if (problems.length > 0) throw new CommandError(problems.join('\nskerry: '));
  io.stdout.write('the plugin is removed from this node\n');
}

function parseFolder(text: string): string {
  if (optionPatterns.folder.test(text)) return text;
  throw new CommandError(
    `expected an absolute path of letters, digits, dots and dashes, found ${text}`,
    exitCode.usage,
  );
}

function parseOwner(text: string): OwnerName {
  const [namespace = '', name = '', ...rest] = text.split('/');
  if (namespace !== '' && name !== '' && rest.length === 0) return { namespace, name };
  throw new CommandError(`expected namespace/name, found ${text}`, exitCode.usage);
}

function parseListen(text: string): InstallFlags['healthListen'] {
  const [, host = '', port] = /^\[?([^\]]+)\]?:(\d{1,5})$/.exec(text) ?? [];
  if (host !== '' && Number(port) <= 65_535) return { host, port: Number(port) };
  throw new CommandError(`expected host:port, found ${text}`, exitCode.usage);
}

/** The paths are those of the node, and lie there for this process too, but for the last. */
function addFolders(command: Command): Command {
  const folder = (flag: string, what: string, preset: string): Option =>
    new Option(`${flag} <dir>`, what).argParser(parseFolder).default(preset);
  return command
    .addOption(folder('--cni-bin-dir', 'where the node’s CNI plugins lie', '/opt/cni/bin'))
    .addOption(folder('--cni-conf-dir', 'where its CNI configuration lies', '/etc/cni/net.d'))
    .addOption(folder('--cni-cache-dir', 'where libcni keeps its results', '/var/lib/cni'))
    .addOption(folder('--netns-dir', 'where network namespaces are mounted', '/var/run/netns'))
    .addOption(folder('--node-bin-dir', 'where this process sees /bin of the node', '/bin'));
}

/** The command. */
export const cniCommand: CommandDefinition = {
  name: 'cni',
  summary: 'keep the CNI plugin on a node, or take it away; what the DaemonSet skerry-cni runs',
  example: 'skerry cni remove --cni-bin-dir /opt/cni/bin --cni-conf-dir /etc/cni/net.d',
  configure(command: Command, io: Io): void {
    addFolders(command.command('install'))
      .description('put the plugin on this node and keep it there, until told to end')
      .addOption(
        new Option('--runtime <dir>', 'what the plugin runs, in this image')
          .argParser(parseFolder)
          .default('/opt/skerry/cni'),
      )
      .addOption(
        new Option(
          '--daemonset <namespace/name>',
          'take the plugin away at the end if this is no longer there',
        ).argParser(parseOwner),
      )
      .addOption(
        new Option('--health-listen <host:port>', 'address of health and readiness')
          .argParser(parseListen)
          .default({ host: '127.0.0.1', port: 15_019 }, '127.0.0.1:15019'),
      )
      .action((flags: InstallFlags) => install(flags, io));
    addFolders(command.command('remove'))
      .description('take the plugin away from this node')
      .action((flags: FolderFlags) => remove(flags, io));
  },
};
