/** Sets and checks redirection in network namespaces of this node, with the programs of a runtime. */
import { join } from 'node:path';
import {
  applyRedirect,
  checkRedirect,
  runOnHost,
  type IpFamily,
  type Redirection,
  type RunCommand,
} from '../sidecar/index.js';
import type { Redirector } from './plugin.js';

const programs: Readonly<Record<string, readonly string[]>> = {
  'iptables-nft-save': ['xtables-nft-multi', 'iptables-save'],
  'iptables-nft-restore': ['xtables-nft-multi', 'iptables-restore'],
  'ip6tables-nft-save': ['xtables-nft-multi', 'ip6tables-save'],
  'ip6tables-nft-restore': ['xtables-nft-multi', 'ip6tables-restore'],
  ip: ['ip'],
};

/** A redirector that also tells whose namespace one is. */
export interface NodeRedirector extends Redirector {
  /** The addresses of a namespace's interfaces. Rejects where it cannot be entered. */
  addresses(netns: string): Promise<readonly string[]>;
}

/** `runtime` is the folder of a runtime, installed or in the image; nothing else of the node is used. */
export function createRedirector(runtime: string, run: RunCommand = runOnHost): NodeRedirector {
  const optionsFor = async (
    netns: string,
    redirection: Redirection,
  ): Promise<Redirection & { readonly run: RunCommand }> => {
    const inside = enter(runtime, netns, run);
    return { ...redirection, families: await presentFamilies(redirection, inside), run: inside };
  };
  return {
    redirect: async (netns, redirection) => {
      await applyRedirect(await optionsFor(netns, redirection));
    },
    check: async (netns, redirection) => checkRedirect(await optionsFor(netns, redirection)),
    addresses: (netns) => listAddresses(enter(runtime, netns, run)),
  };
}

/** Tells the iptables of a runtime where its modules are, for all that this process starts. */
export function useModulesOf(runtime: string): void {
  process.env['XTABLES_LIBDIR'] = join(runtime, 'xtables');
}

/** Runs the runtime's programs by its own loader and libraries, within a network namespace. */
function enter(runtime: string, netns: string, run: RunCommand): RunCommand {
  const loader = join(runtime, 'ld.so');
  // Without the cache of the node's own loader, which would offer its libraries to ours.
  const load = ['--inhibit-cache', '--library-path', join(runtime, 'lib')];
  return (file, args, input) => {
    const [program, ...first] = programs[file] ?? [file];
    const command = [loader, ...load, join(runtime, program ?? file), ...first, ...args];
    return run(loader, [...load, join(runtime, 'nsenter'), `--net=${netns}`, ...command], input);
  };
}

async function listAddresses(run: RunCommand): Promise<readonly string[]> {
  const { status, stdout, stderr } = await run('ip', ['-o', 'addr', 'show'], '');
  if (status !== 0) throw new Error(`ip addr failed with status ${status}: ${stderr.trim()}`);
  return [...stdout.matchAll(/ inet6? ([0-9a-f.:]+)/g)].map(([, address = '']) => address);
}

/**
 * IPv6 is left out where the namespace has none at all, since rules for it cannot be set on a node
 * without it; the pod's own verification sees an address that came in spite of this.
 */
async function presentFamilies(
  redirection: Redirection,
  run: RunCommand,
): Promise<readonly IpFamily[]> {
  if (!redirection.families.includes('v6')) return redirection.families;
  const hasIpv6 = (await listAddresses(run)).some((address) => address.includes(':'));
  return redirection.families.filter((family) => family !== 'v6' || hasIpv6);
}
