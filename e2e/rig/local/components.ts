/** The parts of a local cluster: how each is started, and the files that it reads. */
import { join } from 'node:path';
import type { Daemon } from './daemons.js';
import type { ClusterPaths } from './paths.js';
import { findProgram } from './programs.js';

/** The node's name and address, and the addresses of Services and pods: alike in each cluster, as none sees another. */
export const nodeName = 'node1';
export const nodeIp = '172.31.255.1';
export const apiPort = 6443;
export const kubernetesServiceIp = '10.96.0.1';
const serviceCidr = '10.96.0.0/16';
const podCidr = '10.244.0.0/16';
const dnsServiceIp = '10.96.0.10';
const dnsReadyPort = 8181;

/** Where the API server is, for the node. */
export const apiUrl = `https://${nodeIp}:${apiPort}`;
/** Answers when CoreDNS has all Services. */
export const dnsReadyUrl = `http://${nodeIp}:${dnsReadyPort}/ready`;
/** The image that holds a pod's namespaces. */
export const pauseImage = 'registry.local/pause:1';

const etcdUrl = 'http://127.0.0.1:2379';
const etcdPeerUrl = 'http://127.0.0.1:2380';

/** A kubeconfig of a part of the cluster. */
export function kubeconfigOf(paths: ClusterPaths, user: string): string {
  return join(paths.directory, `${user}.kubeconfig`);
}

/** Without fsync: the cluster does not outlive the machine's power. */
export function etcd(paths: ClusterPaths): Daemon {
  return {
    name: 'etcd',
    argv: [
      ...[findProgram('etcd'), '--data-dir', join(paths.directory, 'etcd'), '--unsafe-no-fsync'],
      ...['--listen-client-urls', etcdUrl, '--advertise-client-urls', etcdUrl],
      ...['--listen-peer-urls', etcdPeerUrl, '--initial-advertise-peer-urls', etcdPeerUrl],
      ...['--initial-cluster', `default=${etcdPeerUrl}`, '--log-level', 'warn'],
    ],
  };
}

/** Admission as a user's cluster has it: PodSecurity is on by default. */
export function apiServer(paths: ClusterPaths): Daemon {
  const at = (file: string): string => join(paths.pki, file);
  return {
    name: 'kube-apiserver',
    argv: [
      findProgram('kube-apiserver'),
      `--etcd-servers=${etcdUrl}`,
      `--advertise-address=${nodeIp}`,
      `--secure-port=${apiPort}`,
      `--cert-dir=${join(paths.directory, 'certs')}`,
      `--service-cluster-ip-range=${serviceCidr}`,
      `--tls-cert-file=${at('kube-apiserver.crt')}`,
      `--tls-private-key-file=${at('kube-apiserver.key')}`,
      `--client-ca-file=${at('ca.crt')}`,
      `--service-account-key-file=${at('sa.pub')}`,
      `--service-account-signing-key-file=${at('sa.key')}`,
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--allow-privileged=true',
      // Logs and exec go to the kubelet, whose name nobody resolves.
      '--kubelet-preferred-address-types=InternalIP',
      `--kubelet-client-certificate=${at('admin.crt')}`,
      `--kubelet-client-key=${at('admin.key')}`,
    ],
  };
}

/** Deployments, Jobs, EndpointSlices, service accounts. */
export function controllerManager(paths: ClusterPaths): Daemon {
  const at = (file: string): string => join(paths.pki, file);
  return {
    name: 'kube-controller-manager',
    argv: [
      findProgram('kube-controller-manager'),
      `--kubeconfig=${kubeconfigOf(paths, 'kube-controller-manager')}`,
      `--service-account-private-key-file=${at('sa.key')}`,
      `--root-ca-file=${at('ca.crt')}`,
      '--use-service-account-credentials',
      `--cluster-signing-cert-file=${at('ca.crt')}`,
      `--cluster-signing-key-file=${at('ca.key')}`,
      '--leader-elect=false',
      `--cert-dir=${join(paths.directory, 'certs')}`,
    ],
  };
}

/** Puts pods on the node. */
export function scheduler(paths: ClusterPaths): Daemon {
  return {
    name: 'kube-scheduler',
    argv: [
      findProgram('kube-scheduler'),
      `--kubeconfig=${kubeconfigOf(paths, 'kube-scheduler')}`,
      '--leader-elect=false',
      `--cert-dir=${join(paths.directory, 'certs')}`,
    ],
  };
}

/** The container runtime. */
export function containerd(paths: ClusterPaths): Daemon {
  return {
    name: 'containerd',
    argv: [findProgram('containerd'), '--config', join(paths.directory, 'containerd.toml')],
  };
}

/** Version 2 of the file is read by containerd 1.x and 2.x. */
export function containerdConfig(paths: ClusterPaths): string {
  return `version = 2
root = "${join(paths.directory, 'containerd')}"
state = "/run/containerd"
[grpc]
  address = "${paths.containerdSocket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${join(paths.directory, 'containerd-opt')}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # Lowering it takes CAP_SYS_RESOURCE, which root may lack in a sandbox.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${paths.cniBinDir}"
    conf_dir = "${paths.cniConfDir}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
`;
}

/** Pods on a bridge; what is for Services goes through iptables there. */
export function cniConfig(): object {
  return {
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: '10.244.0.0/24' }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

/** Runs the pods. */
export function kubelet(paths: ClusterPaths): Daemon {
  return {
    name: 'kubelet',
    argv: [
      findProgram('kubelet'),
      `--config=${join(paths.directory, 'kubelet.yaml')}`,
      `--kubeconfig=${kubeconfigOf(paths, 'kubelet')}`,
      `--root-dir=${join(paths.directory, 'kubelet')}`,
      `--cert-dir=${join(paths.directory, 'certs')}`,
      `--hostname-override=${nodeName}`,
      `--node-ip=${nodeIp}`,
    ],
  };
}

/** JSON is YAML. */
export function kubeletConfig(paths: ClusterPaths): object {
  const at = (file: string): string => join(paths.pki, file);
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      x509: { clientCAFile: at('ca.crt') },
      webhook: { enabled: true },
      anonymous: { enabled: false },
    },
    authorization: { mode: 'Webhook' },
    cgroupDriver: 'cgroupfs',
    // Of its own: a kubelet ends what it does not know below its root, and there may be another cluster.
    cgroupRoot: `/${paths.controlGroup}`,
    containerRuntimeEndpoint: `unix://${paths.containerdSocket}`,
    clusterDNS: [dnsServiceIp],
    clusterDomain: 'cluster.local',
    tlsCertFile: at('kubelet.crt'),
    tlsPrivateKeyFile: at('kubelet.key'),
    failSwapOn: false,
    // Version 1 is refused by default from 1.35 on, and works.
    failCgroupV1: false,
    resolvConf: '',
    enforceNodeAllocatable: [],
    evictionHard: {
      'memory.available': '100Mi',
      'nodefs.available': '1%',
      'imagefs.available': '1%',
    },
    imageGCHighThresholdPercent: 100,
    maxPods: 250,
    serializeImagePulls: false,
  };
}

/** Services. */
export function kubeProxy(paths: ClusterPaths): Daemon {
  return {
    name: 'kube-proxy',
    argv: [
      findProgram('kube-proxy'),
      `--kubeconfig=${kubeconfigOf(paths, 'kube-proxy')}`,
      '--proxy-mode=iptables',
      `--hostname-override=${nodeName}`,
      `--cluster-cidr=${podCidr}`,
      // Neither is ours to change where root lacks capabilities.
      '--conntrack-max-per-core=0',
      '--oom-score-adj=0',
    ],
  };
}

/** Names. It runs on the node, not in a pod: it needs no image. */
export function coreDns(paths: ClusterPaths): Daemon {
  return {
    name: 'coredns',
    argv: [findProgram('coredns'), '-conf', join(paths.directory, 'Corefile')],
  };
}

/** Its configuration; what is not of the cluster has no answer. */
export function corefile(paths: ClusterPaths): string {
  return `.:53 {
  bind ${nodeIp}
  errors
  ready ${nodeIp}:${dnsReadyPort}
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${kubeconfigOf(paths, 'admin')}
    pods insecure
    ttl 5
  }
}
`;
}

/** What kube-proxy and CoreDNS need of the API server. */
export function systemObjects(): readonly object[] {
  const names = { name: 'kube-dns', namespace: 'kube-system' };
  const port = { port: 53 };
  const ports = [
    { ...port, name: 'dns', protocol: 'UDP' },
    { ...port, name: 'dns-tcp', protocol: 'TCP' },
  ];
  return [
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'kube-proxy' },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'ClusterRole',
        name: 'system:node-proxier',
      },
      subjects: [
        { apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'system:kube-proxy' },
      ],
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { ...names, labels: { 'k8s-app': 'kube-dns' } },
      spec: { clusterIP: dnsServiceIp, ports },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...names, labels: { 'kubernetes.io/service-name': 'kube-dns' } },
      addressType: 'IPv4',
      ports,
      endpoints: [{ addresses: [nodeIp] }],
    },
  ];
}
