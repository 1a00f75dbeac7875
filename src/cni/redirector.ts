/** Sets and checks redirection in network namespaces of this node, with the programs of an installed runtime. */
import { join } from 'node:path';
import {
  applyRedirect,
  checkRedirect,
  isRedirected,
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

/** A redirector that also sees what needs mending. */
export interface NodeRedirector extends Redirector {
  /** Whether a namespace has rules of ours, of whatever version. */
  isRedirected(netns: string, redirection: Redirection): Promise<boolean>;
}

/** `runtime` is a directory that `installRuntime` filled; nothing else of the node is used. */
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
    isRedirected: async (netns, redirection) => isRedirected(await optionsFor(netns, redirection)),
  };
}

/** Runs the runtime's programs by its own loader and libraries, within a network namespace. */
function enter(runtime: string, netns: string, run: RunCommand): RunCommand {
  const loader = join(runtime, 'ld.so');
  const load = ['--library-path', join(runtime, 'lib')];
  return (file, args, input) => {
    const [program, ...first] = programs[file] ?? [file];
    const command = [loader, ...load, join(runtime, program ?? file), ...first, ...args];
    return run(loader, [...load, join(runtime, 'nsenter'), `--net=${netns}`, ...command], input);
  };
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
  const { status, stdout } = await run('ip', ['-6', '-o', 'addr', 'show'], '');
  const hasIpv6 = status === 0 && stdout.trim() !== '';
  return redirection.families.filter((family) => family !== 'v6' || hasIpv6);
}
