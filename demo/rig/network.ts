/** The rig's network: a bridge in a namespace of its own and a namespace per pod; nothing of the host's network is touched. */
import { spawnSync } from 'node:child_process';
import { runCommand } from './process.js';
import { leftoverNamespaces, networkPrefix, removeLeftovers } from './leftovers.js';

/** One network namespace with one address on the bridge. */
export interface NetworkNamespace {
  /** As `ip netns` knows it. */
  readonly name: string;
  /** To enter it with `nsenter --net=`. */
  readonly path: string;
  readonly ip: string;
}

/** The network of one mesh. */
export interface Network {
  readonly prefix: string;
  /** Holds the bridge, the gateway's address 10.66.0.1 and the external hosts; calls from here look like a node's. */
  readonly router: NetworkNamespace;
  /** Makes a namespace with `ip` (inside 10.66.0.0/16) on the bridge. Throws CommandError. */
  addNamespace(name: string, ip: string): Promise<NetworkNamespace>;
  /** Takes one away, with its interface and rules. */
  removeNamespace(namespace: NetworkNamespace): Promise<void>;
  /** Gives the router an address outside the mesh, as a host on the internet would have. */
  addExternalAddress(ip: string): Promise<void>;
  /** Removes everything. Processes inside must have ended. */
  remove(): Promise<void>;
}

/** The addresses of pods; the router is the first host, the control plane the second. */
export const podCidr = '10.66.0.0/16';
/** The addresses of Services. */
export const serviceCidr = '10.96.0.0/16';
/** The router's address. */
export const routerIp = '10.66.0.1';

const live = new Map<string, Set<string>>();
let networks = 0;
let hasExitHook = false;

/** The last resort when this process ends without `remove`: takes the namespaces away synchronously. */
function installExitHook(): void {
  if (hasExitHook) return;
  hasExitHook = true;
  process.on('exit', () => {
    for (const name of [...live.values()].flatMap((names) => [...names])) {
      spawnSync('ip', ['netns', 'delete', name], { stdio: 'ignore' });
    }
  });
}

/** Makes a network; leftovers of runs whose process is dead are removed first. Throws CommandError. */
export async function createNetwork(): Promise<Network> {
  await removeLeftovers(await leftoverNamespaces());
  installExitHook();
  networks += 1;
  const prefix = networkPrefix(process.pid, networks);
  const names = new Set<string>();
  live.set(prefix, names);
  const router = namespaceOf(`${prefix}net`, routerIp);
  names.add(router.name);
  await runCommand(['ip', 'netns', 'add', router.name]);
  await batch(router.name, [
    'link set lo up',
    'link add br0 type bridge',
    `addr add ${routerIp}/16 dev br0`,
    'link set br0 up',
  ]);
  let interfaces = 0;
  return {
    prefix,
    router,
    addNamespace: async (name, ip) => {
      const namespace = namespaceOf(`${prefix}${name}`, ip);
      interfaces += 1;
      names.add(namespace.name);
      await attach(router, namespace, `v${interfaces}`);
      return namespace;
    },
    removeNamespace: async (namespace) => {
      await runCommand(['ip', 'netns', 'delete', namespace.name]);
      names.delete(namespace.name);
    },
    addExternalAddress: async (ip) => {
      await batch(router.name, [`addr add ${ip}/32 dev lo`]);
    },
    remove: async () => {
      for (const name of names) await runCommand(['ip', 'netns', 'delete', name]);
      live.delete(prefix);
    },
  };
}

function namespaceOf(name: string, ip: string): NetworkNamespace {
  return { name, path: `/run/netns/${name}`, ip };
}

/** Both ends of the veth pair are made inside namespaces, so the host never sees an interface. */
async function attach(
  router: NetworkNamespace,
  namespace: NetworkNamespace,
  veth: string,
): Promise<void> {
  await runCommand(['ip', 'netns', 'add', namespace.name]);
  await batch(router.name, [
    `link add ${veth} type veth peer name eth0 address ${macOf(namespace.ip)} netns ${namespace.name}`,
    `link set ${veth} master br0`,
    `link set ${veth} up`,
  ]);
  await batch(namespace.name, [
    'link set lo up',
    `addr add ${namespace.ip}/16 dev eth0`,
    'link set eth0 up',
    // Service addresses need a route to be redirected at all; the router forwards nothing.
    `route add default via ${router.ip}`,
  ]);
}

/** The same for a pod that gets the address of a former one: neighbours know it by that for most of a minute. */
function macOf(ip: string): string {
  const bytes = ip.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return ['02', '00', ...bytes].join(':');
}

async function batch(netns: string, commands: readonly string[]): Promise<void> {
  await runCommand(['ip', '-n', netns, '-batch', '-'], `${commands.join('\n')}\n`);
}
