/** Prepares a sidecar as the init containers of a pod do: key and bootstrap, then the redirection rules. */
import { existsSync } from 'node:fs';
import { applyRedirect, initSidecar, type RunCommand } from '../../src/sidecar/index.js';
import { controlPlaneIp, controlPlaneName, controlPlanePort } from './commands.js';
import { inNamespace } from './container.js';
import type { PodManifest } from './manifests.js';
import type { NetworkNamespace } from './network.js';
import { CommandError, runCommand } from './process.js';

/** Files that a sidecar is prepared from and into. */
export interface SidecarFiles {
  readonly token: string;
  readonly rootBundle: string;
  readonly directory: string;
}

/**
 * What `skerry sidecar init` does, in this process, since the command takes half a second to start.
 * Returns the path of the bootstrap. Rejects with a SidecarInitError.
 */
export async function prepareSidecar(
  pod: PodManifest,
  files: SidecarFiles,
  adsVariant: 'delta' | 'sotw',
): Promise<string> {
  const { bootstrapPath } = await initSidecar({
    nodeId: `${pod.namespace}/${pod.name}`,
    serviceAccount: pod.serviceAccount,
    podUid: pod.uid,
    controlPlane: {
      address: controlPlaneIp,
      port: controlPlanePort,
      serverName: controlPlaneName,
    },
    directory: files.directory,
    tokenPath: files.token,
    rootBundlePath: files.rootBundle,
    adsVariant,
    statsProfile: 'minimal',
  });
  return bootstrapPath;
}

/** What `skerry sidecar redirect` does, inside the namespace. Rejects with a RedirectError. */
export async function redirectTraffic(netns: NetworkNamespace): Promise<void> {
  await applyRedirect({
    // Kernels may come without IPv6, and then pods have no such address to be called by.
    families: existsSync('/proc/net/if_inet6') ? ['v4', 'v6'] : ['v4'],
    run: runInside(netns),
  });
}

function runInside(netns: NetworkNamespace): RunCommand {
  return async (file, args, input) => {
    try {
      const { stdout, stderr } = await runCommand(inNamespace(netns.path, [file, ...args]), input);
      return { status: 0, stdout, stderr };
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      return { status: error.exitCode ?? 1, stdout: error.stdout, stderr: error.stderr };
    }
  };
}
