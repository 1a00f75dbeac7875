/** Where the files of a local cluster lie. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Absolute paths, the same for every process that knows the cluster's name. */
export interface ClusterPaths {
  readonly directory: string;
  /** Pid and start time of the node's first process. */
  readonly owner: string;
  readonly pki: string;
  readonly logs: string;
  /** Pids, as seen inside the node, of what `startDaemon` has started. */
  readonly pids: string;
  readonly kubeconfig: string;
  readonly containerdSocket: string;
  readonly cniConfDir: string;
  readonly cniBinDir: string;
  /** Below each hierarchy's root. */
  readonly controlGroup: string;
}

/** The paths of the cluster `name`. Throws where the name is no plain word. */
export function clusterPaths(name: string): ClusterPaths {
  if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(name)) {
    throw new Error(`a cluster's name has small letters, digits and dashes, not ${name}`);
  }
  // Short: a socket's path has 108 bytes at most (unix(7)).
  const directory = join(tmpdir(), `skerry-cluster-${name}`);
  return {
    directory,
    owner: join(directory, 'owner'),
    pki: join(directory, 'pki'),
    logs: join(directory, 'logs'),
    pids: join(directory, 'pids'),
    kubeconfig: join(directory, 'kubeconfig'),
    containerdSocket: join(directory, 'containerd.sock'),
    cniConfDir: join(directory, 'cni'),
    cniBinDir: join(directory, 'cni-bin'),
    controlGroup: `skerry-${name}`,
  };
}
