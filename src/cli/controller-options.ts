/** What `skerry controller` can be told; every flag and variable ends here. */

import type { OfferedCollection } from '../sources/index.js';

/** A mesh described by a directory of YAML, for machines without Kubernetes. */
export interface DirectoryPlatformOptions {
  readonly kind: 'directory';
  /** Directory of Kubernetes YAML: the embedded store. */
  readonly directory: string;
  /** Where the CA and the last good objects live; mode 0700. */
  readonly stateDirectory: string;
  /** File kept with the trust bundle, for sidecars on this machine; absent: none. */
  readonly rootFile?: string;
}

/** A mesh described by a Kubernetes API server. */
export interface KubernetesPlatformOptions {
  readonly kind: 'kubernetes';
  /** Absent: the pod's own service account, else KUBECONFIG or ~/.kube/config. */
  readonly kubeconfig?: string;
  /** Name of this replica, its pod's: unique among those that run. */
  readonly replica: string;
  /** Address of the admission webhook, `host:port`; absent: none is served. */
  readonly webhookListen?: string;
  /** Images that injected pods get; absent: the defaults of `skerry inject`. */
  readonly skerryImage?: string;
  readonly envoyImage?: string;
  /** ConfigMaps and Secrets offered by a label that are followed; takes the right to list and watch them. */
  readonly follows?: readonly OfferedCollection[];
  /** Who leads an injected pod's traffic through its sidecar. */
  readonly redirection: 'init' | 'cni';
}

/** Options of one control plane. */
export interface ControllerOptions {
  readonly platform: DirectoryPlatformOptions | KubernetesPlatformOptions;
  /** Address of the ADS server, `host:port`; port 0 takes a free one. */
  readonly listen: string;
  /** Address of health, readiness and metrics over plain HTTP, `host:port`; absent: none. */
  readonly healthListen?: string;
  /** DNS names of the control plane's own certificate; the first is what sidecars expect. */
  readonly serverNames: readonly string[];
  readonly adminSocket: string;
  readonly trustDomain: string;
  /** Namespace whose TrafficPolicies may speak for the whole mesh. */
  readonly rootNamespace: string;
  /** CIDRs of Services and pods; empty: any address may be the mesh's. */
  readonly meshCidrs: readonly string[];
  readonly outbound: 'on-demand' | 'eager';
  readonly accessLog: 'Off' | 'Errors' | 'All';
  /** Life of a workload's certificate in seconds; renewed at half of it. */
  readonly svidTtlSeconds: number;
  /** Age at which a sidecar's stream is asked to reconnect, in seconds. */
  readonly maxStreamAgeSeconds: number;
  readonly logLevel: 'info' | 'warn' | 'error' | 'silent';
}

/** A control plane that runs. */
export interface RunningController {
  /** Where the ADS server listens. */
  readonly address: string;
  stop(): Promise<void>;
}
