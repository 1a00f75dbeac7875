/** The containers and volumes that a pod gets. */
import { metricsPort, proxyCommand, proxyGid, proxyUid, readinessPort } from '../sidecar/index.js';
import type { JsonMap } from './json.js';
import type { PodOptions } from './pod-options.js';
import { injectedNames, type ContainerResources, type InjectionSettings } from './settings.js';

const mounts = {
  sidecar: { name: injectedNames.sidecarVolume, mountPath: '/run/skerry' },
  token: {
    name: injectedNames.tokenVolume,
    mountPath: '/var/run/secrets/skerry',
    readOnly: true,
  },
  root: { name: injectedNames.rootVolume, mountPath: '/var/run/skerry-root', readOnly: true },
} as const;

// A directory within the mount, since the mount itself is root's and the sidecar must own its own.
const sidecarDirectory = `${mounts.sidecar.mountPath}/pod`;

// Whoever is neither root nor the sidecar.
const verifierId = 65_532;

const initResources: ContainerResources = {
  cpuRequest: '10m',
  memoryRequest: '64Mi',
  memoryLimit: '256Mi',
};

/** The three containers, in the order in which they start, all before the user's init containers. */
export function injectedContainers(
  settings: InjectionSettings,
  options: PodOptions,
): readonly JsonMap[] {
  return [
    settings.redirection === 'cni'
      ? verifyContainer(settings, options)
      : redirectContainer(settings, options),
    identityContainer(settings),
    proxyContainer(settings, options),
  ];
}

/** What the containers mount. */
export function injectedVolumes(settings: InjectionSettings): readonly JsonMap[] {
  const token = {
    audience: settings.audience,
    expirationSeconds: settings.tokenLifeSeconds,
    path: 'token',
  };
  return [
    // In memory: the key never reaches a disk.
    { name: mounts.sidecar.name, emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
    { name: mounts.token.name, projected: { sources: [{ serviceAccountToken: token }] } },
    { name: mounts.root.name, configMap: { name: injectedNames.rootConfigMap } },
  ];
}

function flag(name: string, values: readonly (string | number)[]): readonly string[] {
  return values.length === 0 ? [] : [`--${name}`, values.join(',')];
}

/**
 * On a node where the plugin was not yet chained when the pod came, nothing redirects: the pod must
 * not go on. It waits, since the plugin's installer mends such pods, and then says what is wrong.
 */
function verifyContainer(settings: InjectionSettings, options: PodOptions): JsonMap {
  return {
    name: injectedNames.verify,
    image: settings.skerryImage,
    args: [
      ...['sidecar', 'verify'],
      ...flag('family', settings.families),
      ...flag('exclude-outbound-port', options.excludeOutboundPorts),
      ...flag('exclude-outbound-cidr', options.excludeOutboundCidrs),
    ],
    resources: spellResources(initResources),
    // Not the sidecar's uid, whose connections pass.
    securityContext: leastPrivilege(verifierId, verifierId),
    // What it says last is what `kubectl describe pod` shows.
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
}

function redirectContainer(settings: InjectionSettings, options: PodOptions): JsonMap {
  return {
    name: injectedNames.redirect,
    image: settings.skerryImage,
    args: [
      ...['sidecar', 'redirect'],
      ...flag('family', settings.families),
      ...flag('exclude-inbound-port', options.excludeInboundPorts),
      ...flag('exclude-outbound-port', options.excludeOutboundPorts),
      ...flag('exclude-outbound-cidr', options.excludeOutboundCidrs),
    ],
    resources: spellResources(initResources),
    securityContext: {
      ...leastPrivilege(0, 0),
      capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW'] },
    },
  };
}

function identityContainer(settings: InjectionSettings): JsonMap {
  const fromPod = { NAMESPACE: 'metadata.namespace', POD: 'metadata.name', UID: 'metadata.uid' };
  const fields = { ...fromPod, SERVICE_ACCOUNT: 'spec.serviceAccountName' };
  return {
    name: injectedNames.identity,
    image: settings.skerryImage,
    // Kubernetes puts the variables in; there is no shell.
    args: [
      ...['sidecar', 'init'],
      ...['--namespace', '$(SKERRY_NAMESPACE)'],
      ...['--pod', '$(SKERRY_POD)'],
      ...['--pod-uid', '$(SKERRY_UID)'],
      ...['--service-account', '$(SKERRY_SERVICE_ACCOUNT)'],
      ...['--token-file', `${mounts.token.mountPath}/token`],
      ...['--root-bundle', `${mounts.root.mountPath}/root.pem`],
      ...['--control-plane', settings.controlPlane],
      ...['--server-name', settings.serverName],
      ...['--directory', sidecarDirectory],
      ...['--envoy', settings.envoyPath],
    ],
    env: Object.entries(fields).map(([name, fieldPath]) => ({
      name: `SKERRY_${name}`,
      valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } },
    })),
    resources: spellResources(initResources),
    securityContext: leastPrivilege(proxyUid, proxyGid),
    // The token and the bundle are not read here: the bootstrap only names their paths.
    volumeMounts: [mounts.sidecar],
  };
}

function proxyContainer(settings: InjectionSettings, options: PodOptions): JsonMap {
  const command = proxyCommand({
    envoyPath: settings.envoyPath,
    bootstrapPath: `${sidecarDirectory}/bootstrap.json`,
    runAs: 'caller',
  });
  const httpGet = { path: '/ready', port: readinessPort, scheme: 'HTTP' };
  return {
    name: injectedNames.proxy,
    image: settings.envoyImage,
    // A native sidecar (Kubernetes 1.29): it starts before the user's init containers, ends after
    // the last container of the app, and does not keep a Job from ending.
    restartPolicy: 'Always',
    command: [command.file],
    args: [...command.args],
    ports: [
      { name: 'skerry-ready', containerPort: readinessPort, protocol: 'TCP' },
      { name: 'skerry-metrics', containerPort: metricsPort, protocol: 'TCP' },
    ],
    // Nothing starts after it until the first configuration is accepted: 15021 opens with it. Ten
    // minutes, so that a control plane that is away for a while costs no restarts.
    startupProbe: { httpGet, periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 600 },
    readinessProbe: { httpGet, periodSeconds: 5, timeoutSeconds: 3, failureThreshold: 3 },
    resources: spellResources(options.resources),
    securityContext: leastPrivilege(proxyUid, proxyGid),
    volumeMounts: [mounts.sidecar, mounts.token, mounts.root],
  };
}

/** No capability, no way to get one, nothing to write to but what is mounted. */
function leastPrivilege(uid: number, gid: number): JsonMap {
  return {
    runAsUser: uid,
    runAsGroup: gid,
    runAsNonRoot: uid !== 0,
    privileged: false,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  };
}

function spellResources(resources: ContainerResources): JsonMap {
  const { cpuLimit, memoryLimit } = resources;
  const limits = {
    ...(cpuLimit === undefined ? {} : { cpu: cpuLimit }),
    ...(memoryLimit === undefined ? {} : { memory: memoryLimit }),
  };
  return {
    requests: { cpu: resources.cpuRequest, memory: resources.memoryRequest },
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
  };
}
