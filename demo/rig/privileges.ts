/** Tells whether this process may make network namespaces, and what to do if not. */
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** One thing that is missing, and its remedy. */
export interface MissingPrivilege {
  readonly what: string;
  readonly remedy: string;
}

const capabilities = [
  { name: 'CAP_NET_ADMIN', bit: 12, why: 'network namespaces, interfaces and redirection rules' },
  { name: 'CAP_SYS_ADMIN', bit: 21, why: 'entering network and mount namespaces' },
  { name: 'CAP_SETUID', bit: 7, why: 'running apps and sidecars as users of their own' },
] as const;

const tools = [
  { name: 'ip', package: 'iproute2' },
  { name: 'iptables-restore', package: 'iptables' },
  { name: 'nsenter', package: 'util-linux' },
  { name: 'unshare', package: 'util-linux' },
  { name: 'setpriv', package: 'util-linux' },
  { name: 'mount', package: 'mount' },
  { name: 'tcpdump', package: 'tcpdump' },
  { name: 'openssl', package: 'openssl' },
] as const;

/** What is missing on this machine for the rig; empty when nothing is. */
export function missingPrivileges(): readonly MissingPrivilege[] {
  if (process.platform !== 'linux') {
    return [{ what: `Linux (this is ${process.platform})`, remedy: 'run it on a Linux machine' }];
  }
  const effective = effectiveCapabilities(readFileSync('/proc/self/status', 'utf8'));
  const searchPath = (process.env['PATH'] ?? '').split(delimiter);
  return [
    ...capabilities
      .filter(({ bit }) => ((effective >> BigInt(bit)) & 1n) === 0n)
      .map(({ name, why }) => ({
        what: `${name} (for ${why})`,
        remedy: `run as root (sudo), or in a container with --privileged or --cap-add ${name.slice(4)}`,
      })),
    ...tools
      .filter((tool) => !searchPath.some((folder) => isExecutable(join(folder, tool.name))))
      .map((tool) => ({
        what: `the program ${tool.name}`,
        remedy: `install it, e.g. apt-get install ${tool.package}`,
      })),
  ];
}

/** The effective capability set in the text of `/proc/<pid>/status` (proc(5)); none when not there. */
export function effectiveCapabilities(status: string): bigint {
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return hex === undefined ? 0n : BigInt(`0x${hex}`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
