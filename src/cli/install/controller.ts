/** The control plane's Deployment and what stands around it. */
import { controllerLabels, systemMetadata, type Manifest } from './manifest.js';
import { imagesOf, optionVariables, systemNamespace, type InstallOptions } from './options.js';
import { controllerName } from './rbac.js';

const ports = { ads: 15010, webhook: 15017, health: 15014 } as const;
const runDirectory = '/run/skerry';
// Whoever is neither root nor a sidecar.
const uid = 65_532;

/** What is the same in every installation. */
const controllerArgs: readonly string[] = [
  'controller',
  '--kubernetes',
  `--listen=0.0.0.0:${String(ports.ads)}`,
  `--webhook-listen=0.0.0.0:${String(ports.webhook)}`,
  `--health-listen=0.0.0.0:${String(ports.health)}`,
  `--admin-socket=${runDirectory}/admin.sock`,
  `--root-namespace=${systemNamespace}`,
];

/**
 * How the control plane's memory is kept (docs/decisions/0044-allocator.md). jemalloc gives what is freed back to
 * the kernel at once, so that the buffers of 64 kB that Node takes for each TLS connection are pages that nothing
 * has touched, all but a few. Without the library the loader says so in the log, and nothing else changes.
 * Options: https://jemalloc.net/jemalloc.3.html
 */
export const allocatorVariables: Readonly<Record<string, string>> = {
  LD_PRELOAD: 'libjemalloc.so.2',
  MALLOC_CONF: 'narenas:1,dirty_decay_ms:0,muzzy_decay_ms:0',
};

/** What an installation chooses: by name, so that a patch can change one, and an upgrade can read it. */
function controllerEnv(options: InstallOptions): readonly unknown[] {
  const chosen = Object.entries({ ...optionVariables(options), ...allocatorVariables });
  return [
    { name: 'SKERRY_REPLICA', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    ...chosen.map(([name, value]) => ({ name, value })),
  ];
}

function container(options: InstallOptions): unknown {
  const probe = (path: string): { readonly httpGet: unknown } => ({
    httpGet: { path, port: 'health' },
  });
  const times = { periodSeconds: 5, timeoutSeconds: 3 };
  return {
    name: 'controller',
    image: imagesOf(options).skerry,
    args: controllerArgs,
    env: controllerEnv(options),
    ports: Object.entries(ports).map(([name, containerPort]) => ({
      ...{ name, containerPort, protocol: 'TCP' },
    })),
    startupProbe: { ...probe('/healthz'), periodSeconds: 1, failureThreshold: 120 },
    livenessProbe: { ...probe('/healthz'), ...times, failureThreshold: 6 },
    readinessProbe: { ...probe('/readyz'), ...times, failureThreshold: 2 },
    resources: options.resources,
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [{ name: 'run', mountPath: runDirectory }],
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
}

/** On different nodes, and in different zones where there are some. */
function spread(options: InstallOptions): readonly unknown[] {
  const labelSelector = { matchLabels: controllerLabels };
  const over = (topologyKey: string, whenUnsatisfiable: string): unknown => ({
    ...{ maxSkew: 1, topologyKey, whenUnsatisfiable, labelSelector },
    // A rollout counts the new pods alone.
    matchLabelKeys: ['pod-template-hash'],
  });
  const strictness = options.isHighlyAvailable ? 'DoNotSchedule' : 'ScheduleAnyway';
  return [
    over('kubernetes.io/hostname', strictness),
    over('topology.kubernetes.io/zone', 'ScheduleAnyway'),
  ];
}

function deployment(options: InstallOptions): Manifest {
  const annotations = {
    'prometheus.io/scrape': 'true',
    'prometheus.io/port': String(ports.health),
    'prometheus.io/path': '/metrics',
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: systemMetadata(controllerName, controllerLabels),
    spec: {
      replicas: options.replicas,
      revisionHistoryLimit: 3,
      selector: { matchLabels: controllerLabels },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: {
          labels: { ...controllerLabels, 'app.kubernetes.io/part-of': 'skerry' },
          annotations,
        },
        spec: {
          serviceAccountName: controllerName,
          // Variables of Services would clash with the flags' own: SKERRY_PORT and the like.
          enableServiceLinks: false,
          terminationGracePeriodSeconds: 30,
          securityContext: {
            ...{ runAsNonRoot: true, runAsUser: uid, runAsGroup: uid, fsGroup: uid },
            seccompProfile: { type: 'RuntimeDefault' },
          },
          topologySpreadConstraints: spread(options),
          containers: [container(options)],
          volumes: [{ name: 'run', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }],
        },
      },
    },
  };
}

const service: Manifest = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: systemMetadata('skerry'),
  spec: {
    selector: controllerLabels,
    ports: [
      { name: 'ads', port: ports.ads, targetPort: 'ads', protocol: 'TCP' },
      { name: 'webhook', port: 443, targetPort: 'webhook', protocol: 'TCP' },
    ],
  },
};

const disruptionBudget: Manifest = {
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: systemMetadata(controllerName),
  spec: { maxUnavailable: 1, selector: { matchLabels: controllerLabels } },
};

/** On the namespaces whose pods may read the control plane's metrics. */
const metricsLabel = { 'skerry.dev/metrics': 'enabled' } as const;

/**
 * Who may call the control plane; kubelet of its own node always may. Nothing is said of what it calls
 * itself: the API server's address is no pod's, and a policy that guesses it would cut it off on the
 * next cluster.
 */
const networkPolicy: Manifest = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: systemMetadata(controllerName),
  spec: {
    podSelector: { matchLabels: controllerLabels },
    policyTypes: ['Ingress'],
    ingress: [
      // Which namespaces have sidecars changes by the hour.
      {
        from: [{ namespaceSelector: {} }],
        ports: [{ protocol: 'TCP', port: ports.ads }],
      },
      {
        from: [{ namespaceSelector: { matchLabels: metricsLabel } }],
        ports: [{ protocol: 'TCP', port: ports.health }],
      },
      // The API server calls from an address that is no pod's.
      { ports: [{ protocol: 'TCP', port: ports.webhook }] },
    ],
  },
};

/** What runs the control plane, in the order in which it is applied. */
export function controllerObjects(options: InstallOptions): readonly Manifest[] {
  return [service, networkPolicy, disruptionBudget, deployment(options)];
}
