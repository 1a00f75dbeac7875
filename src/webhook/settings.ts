/** What an injection is made with: images, addresses and the names that the control plane reads again. */
import { createHash } from 'node:crypto';
import { redirectionAnnotation } from '../sidecar/index.js';

/** What one container may use, as Kubernetes quantities. */
export interface ContainerResources {
  readonly cpuRequest: string;
  readonly memoryRequest: string;
  readonly cpuLimit?: string;
  readonly memoryLimit?: string;
}

/** What every injected pod gets; the same for the webhook and for `skerry inject`. */
export interface InjectionSettings {
  /** Our own image; its entry point is `skerry`. */
  readonly skerryImage: string;
  /** The stock Envoy image. */
  readonly envoyImage: string;
  /** Where Envoy is in its image; absolute. */
  readonly envoyPath: string;
  /** `host:port` of the ADS server. */
  readonly controlPlane: string;
  /** The DNS name in its certificate. */
  readonly serverName: string;
  /** The namespace of the control plane, where nothing is injected. */
  readonly rootNamespace: string;
  /** Address families that pods have. */
  readonly families: readonly ('v4' | 'v6')[];
  /**
   * What sets redirection up: an init container, or the CNI plugin of the node, which needs no
   * capability in the pod.
   */
  readonly redirection: 'init' | 'cni';
  /** Audience of the token. */
  readonly audience: string;
  /** How long a token lives, in seconds; Kubernetes takes 600 at least. */
  readonly tokenLifeSeconds: number;
  readonly proxyResources: ContainerResources;
}

/** What holds where nobody says otherwise; images are to be rewritten where a registry is mirrored. */
export const defaultSettings: InjectionSettings = {
  skerryImage: 'skerry:0.1.0',
  envoyImage: 'envoyproxy/envoy:v1.40.0',
  envoyPath: '/usr/local/bin/envoy',
  controlPlane: 'skerry.skerry-system.svc:15010',
  serverName: 'skerry.skerry-system.svc',
  rootNamespace: 'skerry-system',
  families: ['v4', 'v6'],
  redirection: 'init',
  audience: 'skerry',
  tokenLifeSeconds: 3600,
  // Stock Envoy alone holds 67 MB (measured).
  proxyResources: { cpuRequest: '50m', memoryRequest: '96Mi', memoryLimit: '512Mi' },
};

/** Label of namespaces and pods: `enabled` on a namespace enrols it, `disabled` on a pod opts out. */
export const injectLabel = 'skerry.dev/inject';

/** Annotations of pods: what users say, and what the injection leaves behind. */
export const annotations = {
  excludeInboundPorts: 'skerry.dev/exclude-inbound-ports',
  excludeOutboundPorts: 'skerry.dev/exclude-outbound-ports',
  excludeOutboundCidrs: 'skerry.dev/exclude-outbound-cidrs',
  proxyCpu: 'skerry.dev/proxy-cpu',
  proxyMemory: 'skerry.dev/proxy-memory',
  proxyCpuLimit: 'skerry.dev/proxy-cpu-limit',
  proxyMemoryLimit: 'skerry.dev/proxy-memory-limit',
  /** Written: which settings the pod was injected with; see `settingsMark`. */
  injection: 'skerry.dev/injection',
  /** Written: what the CNI plugin of the node does for the pod; absent where an init container does. */
  redirection: redirectionAnnotation,
} as const;

/** Names of what is injected. */
export const injectedNames = {
  redirect: 'skerry-redirect',
  verify: 'skerry-verify',
  identity: 'skerry-identity',
  proxy: 'skerry-proxy',
  sidecarVolume: 'skerry-sidecar',
  tokenVolume: 'skerry-token',
  rootVolume: 'skerry-root',
  /** ConfigMap with the root bundle, kept in every enrolled namespace. */
  rootConfigMap: 'skerry-root',
} as const;

/** Name of the MutatingWebhookConfiguration. */
export const webhookConfigurationName = 'skerry-injector';

/** A mark by which a pod injected with the same settings is known again. */
export function settingsMark(settings: InjectionSettings): string {
  const sorted = Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex').slice(0, 16);
}
