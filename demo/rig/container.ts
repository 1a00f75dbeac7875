/** Runs a program as a container would: in a pod's network namespace, with its own hosts file, as a user without rights. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { proxyUid } from '../../src/sidecar/index.js';
import type { Checkout } from './checkout.js';

/** A file or folder that appears at another path inside. */
export interface BindMount {
  readonly source: string;
  readonly target: string;
}

/** Where containers find the programs, whatever the host's folders allow other users to read. */
export interface ContainerImage {
  readonly node: string;
  readonly envoy: string;
  /** The folder of the built apps. */
  readonly apps: string;
  readonly mounts: readonly BindMount[];
}

/** The users inside a pod. */
export const users = { sidecar: proxyUid, app: 2000 } as const;

/**
 * Prepares the mount points below `runDirectory`. The checkout, node and Envoy often lie in a
 * home directory, which the users inside a pod may not enter; a bind mount needs no such right.
 */
export async function prepareImage(options: {
  readonly runDirectory: string;
  readonly checkout: Checkout;
  readonly envoy: string;
}): Promise<ContainerImage> {
  const folder = join(options.runDirectory, 'image');
  const root = join(folder, 'checkout');
  const node = join(folder, 'node');
  const envoy = join(folder, 'envoy');
  const resolver = join(options.runDirectory, 'resolv.conf');
  await mkdir(root, { recursive: true });
  await writeFile(node, '');
  await writeFile(envoy, '');
  // Nobody listens there: a name that is not in the hosts file fails at once, not after a timeout.
  await writeFile(resolver, 'nameserver 127.0.0.1\n');
  return {
    node,
    envoy,
    apps: join(root, 'dist', 'apps'),
    mounts: [
      { source: options.checkout.root, target: root },
      { source: process.execPath, target: node },
      { source: options.envoy, target: envoy },
      ...(existsSync('/etc/resolv.conf') ? [{ source: resolver, target: '/etc/resolv.conf' }] : []),
    ],
  };
}

/** What to run, where and as whom. */
export interface ContainerCommand {
  /** Path of the network namespace. */
  readonly netns: string;
  readonly mounts: readonly BindMount[];
  readonly uid: number;
  readonly argv: readonly string[];
}

const mountAndExec =
  'while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 125; shift 2; done; shift; exec "$@"';

/** The argument list that does it; each program execs the next, so the first one's pid is the last one's. */
export function containerArgv(command: ContainerCommand): readonly string[] {
  const { netns, mounts, uid, argv } = command;
  return [
    ...['nsenter', `--net=${netns}`, '--'],
    ...['unshare', '--mount', '--propagation', 'private', '--'],
    ...['/bin/sh', '-c', mountAndExec, 'sh'],
    ...mounts.flatMap(({ source, target }) => [source, target]),
    '--',
    ...['setpriv', '--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups', '--no-new-privs'],
    ...['--inh-caps=-all', '--bounding-set=-all', '--pdeathsig', 'KILL', '--'],
    ...argv,
  ];
}

/** The argument list that runs a program as root in a network namespace. */
export function inNamespace(netns: string, argv: readonly string[]): readonly string[] {
  return ['nsenter', `--net=${netns}`, '--', ...argv];
}
