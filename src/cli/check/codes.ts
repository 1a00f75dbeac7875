/** Everything that `skerry check` can find: its weight, cause and remedy, once. docs/diagnostics.md lists it too. */

interface CheckText {
  /** `failed`: the mesh does not work, or will not; `warning`: it works, but look at it. */
  readonly severity: 'failed' | 'warning';
  readonly cause: string;
  readonly remedy: string;
}

/** Code → weight, cause and remedy. */
export const checkCodes = {
  ApiServerAway: {
    severity: 'failed',
    cause: 'the API server did not answer',
    remedy: 'see that the kubeconfig is right and the cluster is up; then check again',
  },
  MayNotLook: {
    severity: 'failed',
    cause: 'you lack a right that this check needs, so what it is about is not known',
    remedy: 'ask for the verb that is named, or let somebody check who has it',
  },
  KubernetesTooOld: {
    severity: 'failed',
    cause:
      'sidecars are native ones (init containers that go on), which Kubernetes has from 1.29 on',
    remedy: 'upgrade the cluster',
  },
  NoNode: {
    severity: 'failed',
    cause: 'the cluster has no node that runs Linux',
    remedy: 'add one: the control plane and all sidecars run on Linux',
  },
  KubeletTooOld: {
    severity: 'failed',
    cause: 'the kubelet of a node does not know native sidecars: pods with one never start there',
    remedy: 'upgrade the kubelet to 1.29 or later, or keep meshed pods off that node',
  },
  NodeForeign: {
    severity: 'warning',
    cause: 'a node has a system or processor that the images are not made for',
    remedy: 'nothing, if no meshed pod runs there; else keep them off by a node selector',
  },
  MayNotInstall: {
    severity: 'failed',
    cause: 'you lack rights on objects of the installation, or would grant rights that you lack',
    remedy: 'install as a cluster administrator, or ask for the rights that are named',
  },
  NeedsCniRedirection: {
    severity: 'warning',
    cause:
      'admission refuses containers with NET_ADMIN, by which pods set their own redirection up',
    remedy: 'install with --redirection cni: then the node does it, and pods need no capability',
  },
  SidecarNotAdmitted: {
    severity: 'warning',
    cause: 'admission refuses pods with a sidecar, whichever way they are redirected',
    remedy: 'let the policy that is named admit the containers of skerry inject',
  },
  ClockSkew: {
    severity: 'warning',
    cause: 'the clock of this machine and the API server’s differ, so that ages are shown wrongly',
    remedy: 'set this machine’s clock by NTP',
  },
  NodeClockSkew: {
    severity: 'failed',
    cause: 'a node’s clock is wrong: certificates count there as expired, or as not yet valid',
    remedy: 'set the node’s clock by NTP; certificates are dated back 5 minutes, and no more',
  },
  ForeignDefinition: {
    severity: 'failed',
    cause: 'somebody else has defined trafficpolicies.skerry.dev, or its versions are unknown here',
    remedy: 'see who owns the definition that is named; an installation would write over it',
  },
  NameShared: {
    severity: 'warning',
    cause: 'another definition has the same kind or short name: kubectl may show you the other one',
    remedy: 'write the name in full: kubectl get trafficpolicies.skerry.dev',
  },
  SecondMesh: {
    severity: 'warning',
    cause: 'a namespace is enrolled in another mesh too: its pods would get two sidecars',
    remedy: 'take one of the labels away, then restart the workloads',
  },
} as const satisfies Readonly<Record<string, CheckText>>;

/** The name of what a check can find. */
export type CheckCode = keyof typeof checkCodes;
