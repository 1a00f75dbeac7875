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
    remedy:
      'see that the kubeconfig is right and the cluster is up; meanwhile a replica on its own node says what it serves from: skerry check --admin-socket',
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
  DefinitionMissing: {
    severity: 'failed',
    cause: 'the API server does not know TrafficPolicies, or does not serve them',
    remedy: 'apply the definition again: skerry install --apply',
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
  NotInstalled: {
    severity: 'failed',
    cause: 'there is no Deployment of the control plane in its namespace',
    remedy: 'install it: skerry install --apply',
  },
  CommandLineDiffers: {
    severity: 'warning',
    cause: 'this command line is of another version than the control plane, and may misread it',
    remedy: 'use the command line of the control plane’s version, or upgrade: skerry upgrade',
  },
  ReplicaMissing: {
    severity: 'failed',
    cause: 'not every replica of the control plane runs and is ready',
    remedy: 'see what keeps it: kubectl describe pod -n skerry-system, and its log',
  },
  ReplicaSilent: {
    severity: 'failed',
    cause: 'a replica is ready by its probe, and does not answer by its admin socket',
    remedy: 'read its log; to ask it takes the verb create on pods/exec in skerry-system',
  },
  NoReplica: {
    severity: 'failed',
    cause: 'no replica of the control plane can be asked; sidecars go on with what they last had',
    remedy: 'see what the check replicas has found, and mend that first',
  },
  ReplicaWaiting: {
    severity: 'failed',
    cause: 'a replica does not serve everybody yet',
    remedy: 'wait a moment; if it stays so, see that the API server answers from that node',
  },
  ReplicaVersionsDiffer: {
    severity: 'failed',
    cause: 'replicas of several versions run beside each other: a rollout is under way, or stuck',
    remedy:
      'wait for its end: kubectl rollout status deployment/skerry-controller -n skerry-system',
  },
  ReplicaClockSkew: {
    severity: 'failed',
    cause: 'a replica’s clock is wrong: what it signs counts elsewhere as expired or not yet valid',
    remedy: 'set the clock of its node by NTP',
  },
  NoLeader: {
    severity: 'failed',
    cause: 'no replica leads: nothing writes statuses, trust bundles or the webhook’s certificate',
    remedy: 'read the replicas’ logs for the Lease skerry-leader; sidecars are served all the same',
  },
  SeveralLeaders: {
    severity: 'failed',
    cause: 'several replicas hold themselves for the leader',
    remedy:
      'they have said so for some seconds; the clock of one of them runs wrongly, or stood still',
  },
  SourceStale: {
    severity: 'failed',
    cause: 'a replica cannot follow the API server, and serves what it knew when it last could',
    remedy: 'see that the API server is up and can be reached from that replica’s node',
  },
  AuthoritiesDiffer: {
    severity: 'failed',
    cause: 'replicas trust different roots: sidecars of one do not trust those of another',
    remedy: 'check again in 10 s; if it stays so, restart the replicas one after another',
  },
  AuthorityLost: {
    severity: 'failed',
    cause: 'the Secret with the authority is gone; replicas that run still have it in memory',
    remedy: 'restore the Secret from a backup before any replica restarts: none would come up',
  },
  RootExpiring: {
    severity: 'warning',
    cause: 'a root that sidecars trust ends soon',
    remedy: 'rotate it: skerry ca rotate',
  },
  IssuerExpiring: {
    severity: 'warning',
    cause: 'an intermediate that signs certificates ends soon, and was not renewed',
    remedy: 'do what the finding says; skerry ca status shows where the root’s key rests',
  },
  RootExpired: {
    severity: 'failed',
    cause: 'every root that sidecars trust has ended: no certificate is valid any more',
    remedy: 'rotate it: skerry ca rotate; if that is refused, restore or import a root',
  },
  ServerCertificateExpiring: {
    severity: 'failed',
    cause: 'the control plane does not renew its own certificate, which is due at half its life',
    remedy: 'read the replica’s log; an authority whose root is offline may have to sign again',
  },
  WebhookMissing: {
    severity: 'failed',
    cause: 'the webhook’s configuration is gone: new pods come up without a sidecar',
    remedy: 'apply it again: skerry install --apply',
  },
  WebhookChanged: {
    severity: 'warning',
    cause: 'somebody has changed the webhook’s configuration: other pods are injected, or fewer',
    remedy: 'put it back: skerry install --apply; or leave it, if it is meant so',
  },
  WebhookUntrusted: {
    severity: 'failed',
    cause: 'the certificate in the webhook’s configuration is not the control plane’s authority',
    remedy: 'wait for the leader, who writes it; if it stays so, see who else writes that field',
  },
  WebhookUnreachable: {
    severity: 'failed',
    cause: 'the API server cannot call the webhook: no pod can be created in enrolled namespaces',
    remedy:
      'let the API server reach port 15017 of the control plane’s pods: firewall, NetworkPolicy',
  },
  NotInjected: {
    severity: 'failed',
    cause: 'a pod created now would get no sidecar, although its namespace is enrolled',
    remedy: 'see what the webhook’s configuration selects: skerry install --apply puts it back',
  },
  InjectionRefused: {
    severity: 'failed',
    cause: 'a pod created now in an enrolled namespace would be refused',
    remedy: 'mend what the message names',
  },
  RedirectionForbidden: {
    severity: 'failed',
    cause: 'PodSecurity refuses the init container by which pods set their own redirection up',
    remedy: 'upgrade with --redirection cni, or let the namespace be privileged',
  },
  PodsWithoutSidecar: {
    severity: 'warning',
    cause: 'pods of an enrolled namespace are older than its enrolment, and outside the mesh',
    remedy: 'replace them: kubectl rollout restart deployment,statefulset,daemonset -n NAMESPACE',
  },
  SidecarsOutdated: {
    severity: 'warning',
    cause: 'pods have sidecars of other images than a pod created now would get',
    remedy: 'replace them: kubectl rollout restart deployment,statefulset,daemonset -n NAMESPACE',
  },
  TrustBundleMissing: {
    severity: 'failed',
    cause: 'a namespace lacks the ConfigMap skerry-root: its pods with sidecars do not start',
    remedy: 'wait for the leader, who writes it; if it stays so, read the leader’s log',
  },
  TrustBundleStale: {
    severity: 'failed',
    cause: 'a namespace has other roots than the control plane: its new sidecars do not connect',
    remedy: 'wait for the leader, who mends it; if it stays so, see who else writes that ConfigMap',
  },
  ProxyOffline: {
    severity: 'failed',
    cause: 'a pod runs with a sidecar that is connected to no replica: it keeps what it last had',
    remedy: 'ask for the reason: skerry check --proxy NAMESPACE/POD',
  },
  ProxyRejected: {
    severity: 'failed',
    cause: 'a sidecar refuses a resource, and keeps the last good form of it',
    remedy: 'change the object that is named as Envoy’s message says: skerry proxies NAMESPACE/POD',
  },
  ProxySlow: {
    severity: 'failed',
    cause: 'a sidecar has not answered for long what it was sent: its changes are not live',
    remedy: 'see whether its pod has enough CPU, and whether its Envoy hangs: skerry proxies',
  },
  ProxyClockSkew: {
    severity: 'failed',
    cause:
      'the clock of a sidecar and its replica’s differ: certificates count there as expired, or as not yet valid',
    remedy: 'set the clock of its node by NTP; certificates are dated back 5 minutes, and no more',
  },
  ProxyCertificateExpiring: {
    severity: 'failed',
    cause: 'a sidecar’s certificate was not renewed, which is due at half its life',
    remedy: 'read the log of its replica; replacing the pod gets it a new one',
  },
  ProxyOfFormerRoot: {
    severity: 'failed',
    cause:
      'a sidecar’s certificate is of a root that does not sign any more, with no rotation under way',
    remedy: 'replace its pod; skerry ca status shows which roots are trusted',
  },
  ProxyVersionsDiffer: {
    severity: 'warning',
    cause: 'sidecars run another Envoy than pods that are created now',
    remedy:
      'replace their pods: kubectl rollout restart deployment,statefulset,daemonset -n NAMESPACE',
  },
  PodMissing: {
    severity: 'failed',
    cause: 'there is no such pod, or it is on its way out',
    remedy: 'name one that is: kubectl get pods -A',
  },
  PodWithoutSidecar: {
    severity: 'failed',
    cause: 'the pod has no sidecar, and is outside the mesh',
    remedy: 'enrol its namespace, then replace the pod; or leave it, if it is meant so',
  },
  SidecarContainerFails: {
    severity: 'failed',
    cause: 'a container of the sidecar does not come up, so that the pod does not either',
    remedy: 'read what it says: kubectl logs POD -c CONTAINER -n NAMESPACE',
  },
  SidecarRestarted: {
    severity: 'warning',
    cause: 'the sidecar has ended and was started again, which cut connections',
    remedy: 'if memory was short, give it more by the annotation skerry.dev/proxy-memory-limit',
  },
  PolicyNotInForce: {
    severity: 'failed',
    cause: 'a TrafficPolicy is refused, by its own text or by a sidecar',
    remedy: 'mend what the message names; the last good form stays in force until then',
  },
  PolicyPending: {
    severity: 'warning',
    cause: 'a TrafficPolicy is not yet live on every sidecar that it is about',
    remedy: 'wait for it: skerry wait tp/NAME -n NAMESPACE says who is late, and why',
  },
  ObjectDiagnosed: {
    severity: 'warning',
    cause: 'an object of the cluster is not taken as it was meant',
    remedy: 'see its code in docs/diagnostics.md',
  },
} as const satisfies Readonly<Record<string, CheckText>>;

/** The name of what a check can find. */
export type CheckCode = keyof typeof checkCodes;
