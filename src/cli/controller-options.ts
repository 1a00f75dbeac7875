/** What `skerry controller` can be told; every flag and variable ends here. */

/** Options of one control plane. */
export interface ControllerOptions {
  /** Directory of Kubernetes YAML: the embedded store. */
  readonly directory: string;
  /** Where the CA, the last good objects and the admin socket live; mode 0700. */
  readonly stateDirectory: string;
  /** Address of the ADS server, `host:port`; port 0 takes a free one. */
  readonly listen: string;
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
