/** What keeps the CNI plugin on every node: a DaemonSet, and a namespace where it may do what that takes. */
import type { Manifest, Metadata } from './manifest.js';
import { commonLabels } from './manifest.js';
import { imagesOf, type InstallOptions } from './options.js';

/** Name of the DaemonSet, its account and its role. */
export const cniName = 'skerry-cni';
/** A namespace of its own: the control plane's is one where PodSecurity restricts all. */
export const cniNamespace = 'skerry-cni';

/** By which the plugin's pods are found. */
export const cniLabels = {
  'app.kubernetes.io/name': 'skerry',
  'app.kubernetes.io/component': 'cni',
} as const;

/** The same as a query. */
export const cniSelector: string = Object.entries(cniLabels)
  .map(([name, value]) => `${name}=${value}`)
  .join(',');

// Only for kubelet on the same node.
const healthPort = 15_019;

const shellsFolder = '/node/bin';

const rbac = 'rbac.authorization.k8s.io';

function metadata(labels: Readonly<Record<string, string>> = {}): Metadata {
  return { name: cniName, namespace: cniNamespace, labels: { ...commonLabels, ...labels } };
}

/** Folders of nodes, and files of theirs, are what PodSecurity calls privileged. */
function namespace(): Manifest {
  const modes = ['enforce', 'audit', 'warn'];
  const labels = modes.map((mode) => [`pod-security.kubernetes.io/${mode}`, 'privileged'] as const);
  return {
    ...{ apiVersion: 'v1', kind: 'Namespace' },
    metadata: { name: cniNamespace, labels: { ...commonLabels, ...Object.fromEntries(labels) } },
  };
}

const account: Manifest = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata() };

/** To know at its end whether it is replaced or removed for good; there is nothing else that it asks. */
const role: Manifest = {
  ...{ apiVersion: `${rbac}/v1`, kind: 'Role', metadata: metadata() },
  rules: [
    {
      ...{ apiGroups: ['apps'], resources: ['daemonsets'] },
      ...{ resourceNames: [cniName], verbs: ['get'] },
    },
    {
      ...{ apiGroups: [''], resources: ['namespaces'] },
      ...{ resourceNames: [cniNamespace], verbs: ['get'] },
    },
  ],
};

const binding: Manifest = {
  ...{ apiVersion: `${rbac}/v1`, kind: 'RoleBinding', metadata: metadata() },
  roleRef: { apiGroup: rbac, kind: 'Role', name: cniName },
  subjects: [{ kind: 'ServiceAccount', name: cniName, namespace: cniNamespace }],
};

interface HostFolder {
  readonly name: string;
  readonly path: string;
  /** Absent: the node's own. */
  readonly mountPath?: string;
  readonly mount?: Readonly<Record<string, unknown>>;
}

function hostFolders({ cniBinDir, cniConfDir }: InstallOptions): readonly HostFolder[] {
  return [
    { name: 'plugins', path: cniBinDir },
    { name: 'configurations', path: cniConfDir },
    // Whether there is a shell, by which the plugin starts.
    { name: 'shells', path: '/bin', mountPath: shellsFolder, mount: { readOnly: true } },
    // What libcni leaves for the removal of each pod: which pods came before the plugin.
    { name: 'attachments', path: '/var/lib/cni', mount: { readOnly: true } },
    // Namespaces that come later must be seen too.
    {
      ...{ name: 'namespaces', path: '/var/run/netns' },
      mount: { readOnly: true, mountPropagation: 'HostToContainer' },
    },
  ];
}

function container(options: InstallOptions): unknown {
  const probe = (path: string): { readonly httpGet: unknown } => ({
    httpGet: { path, port: healthPort, host: '127.0.0.1' },
  });
  const times = { periodSeconds: 10, timeoutSeconds: 5 };
  return {
    name: 'install',
    image: imagesOf(options).skerry,
    args: [
      ...['cni', 'install'],
      `--cni-bin-dir=${options.cniBinDir}`,
      `--cni-conf-dir=${options.cniConfDir}`,
      `--node-bin-dir=${shellsFolder}`,
      `--daemonset=${cniNamespace}/${cniName}`,
      `--health-listen=127.0.0.1:${String(healthPort)}`,
    ],
    startupProbe: { ...probe('/healthz'), periodSeconds: 1, failureThreshold: 120 },
    livenessProbe: { ...probe('/healthz'), ...times, failureThreshold: 6 },
    readinessProbe: { ...probe('/readyz'), ...times, periodSeconds: 2, failureThreshold: 2 },
    resources: {
      requests: { cpu: '10m', memory: '128Mi' },
      limits: { memory: '256Mi' },
    },
    securityContext: {
      // The folders are root's. Whoever writes into them has the node, with capabilities or without.
      ...{ runAsUser: 0, runAsGroup: 0 },
      // To enter the network namespace of a pod that came before the plugin, and to set rules there.
      capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'SYS_ADMIN'] },
      ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
      seccompProfile: { type: 'RuntimeDefault' },
      // Where SELinux confines containers, folders of the node are closed to them.
      seLinuxOptions: { type: 'spc_t' },
    },
    volumeMounts: hostFolders(options).map(({ name, path, mountPath = path, mount }) => ({
      ...{ name, mountPath },
      ...mount,
    })),
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
}

function daemonSet(options: InstallOptions): Manifest {
  return {
    ...{ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: metadata(cniLabels) },
    spec: {
      revisionHistoryLimit: 3,
      selector: { matchLabels: cniLabels },
      // A node without its pod for a moment redirects as before.
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '10%' } },
      template: {
        metadata: { labels: { ...cniLabels, 'app.kubernetes.io/part-of': 'skerry' } },
        spec: {
          serviceAccountName: cniName,
          enableServiceLinks: false,
          // What brings the pods' network into order must not itself wait for it.
          hostNetwork: true,
          dnsPolicy: 'Default',
          priorityClassName: 'system-node-critical',
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          tolerations: [{ operator: 'Exists' }],
          terminationGracePeriodSeconds: 30,
          containers: [container(options)],
          volumes: hostFolders(options).map(({ name, path }) => ({
            ...{ name, hostPath: { path, type: 'DirectoryOrCreate' } },
          })),
        },
      },
    },
  };
}

/** What runs the plugin, in the order in which it is applied; nothing where an init container redirects. */
export function cniObjects(options: InstallOptions): readonly Manifest[] {
  if (options.redirection === 'init') return [];
  return [namespace(), account, role, binding, daemonSet(options)];
}
