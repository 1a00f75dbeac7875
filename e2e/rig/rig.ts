/** What every suite on a real cluster needs of the machine: a cluster to bring up, to reach and to disturb. */

/** A command for a node or for kubectl. */
export interface CommandInput {
  /** Goes to standard input. */
  readonly input?: string;
}

/** A container of a pod. */
export interface ContainerName {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/**
 * One cluster. It holds no state: whoever opens a rig of the same kind and name has the same
 * cluster, from another process too.
 */
export interface Rig {
  readonly kind: 'local' | 'kind';
  readonly name: string;
  /** Path of a cluster administrator's kubeconfig that works from this process. */
  readonly kubeconfig: string;
  /** Paths on the nodes, for a hostPath. */
  readonly cniConfDir: string;
  readonly cniBinDir: string;
  /** Where the parts of the cluster log, if that is on this machine. */
  readonly logs: string | undefined;
  /** Brings up a fresh cluster; what an earlier one of that name left is removed first. */
  up(): Promise<void>;
  /** Removes everything; nothing happens where nothing is. */
  down(): Promise<void>;
  /** True while the cluster answers. */
  isUp(): Promise<boolean>;
  /** What kubectl prints. Throws CommandError where it fails. */
  kubectl(args: readonly string[], input?: CommandInput): Promise<string>;
  /** Loads an image archive (as `docker save` writes it) on every node. */
  loadImage(archivePath: string): Promise<void>;
  /** Ends kube-apiserver at once; resolves when nobody answers. */
  stopApiServer(): Promise<void>;
  /** Starts it again; resolves when it is ready. */
  startApiServer(): Promise<void>;
  /** Runs a command as root on the node that has the pods, or the one named; in the node's network. */
  onNode(
    argv: readonly string[],
    input?: CommandInput & { readonly node?: string },
  ): Promise<string>;
  /**
   * The argument list that runs a command in a container without asking Kubernetes, with the
   * caller's standard streams: works, and goes on, without an API server.
   */
  directArgv(target: ContainerName, argv: readonly string[]): Promise<readonly string[]>;
  /** Sends a signal to a container's first process without asking Kubernetes: works without an API server. */
  signalContainer(target: ContainerName, signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}
