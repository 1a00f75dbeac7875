/** Every command line of `skerry` and Envoy that the rig uses, in one place. */
import type { PodManifest } from './manifests.js';

/** The control plane's address on the bridge. */
export const controlPlaneIp = '10.66.0.2';
/** Its ADS port. */
export const controlPlanePort = 15010;
/** The DNS name in the control plane's certificate. */
export const controlPlaneName = 'skerry.skerry-system.svc';
/** Where every sidecar answers `/ready`. */
export const readinessPort = 15021;

/** Settings of one control plane. */
export interface ControllerSettings {
  readonly directory: string;
  readonly stateDirectory: string;
  readonly adminSocket: string;
  readonly meshCidrs: readonly string[];
  readonly outbound: 'on-demand' | 'eager';
  readonly accessLog: 'Off' | 'Errors' | 'All';
  /** More flags, e.g. for a shorter life of certificates. */
  readonly extraArgs: readonly string[];
}

/** `skerry controller` */
export function controllerArgs(settings: ControllerSettings): readonly string[] {
  return [
    'controller',
    ...['--directory', settings.directory],
    ...['--state-dir', settings.stateDirectory],
    ...['--listen', `${controlPlaneIp}:${controlPlanePort}`],
    ...['--admin-socket', settings.adminSocket],
    ...settings.meshCidrs.flatMap((cidr) => ['--mesh-cidr', cidr]),
    ...['--outbound', settings.outbound],
    ...['--access-log', settings.accessLog],
    ...['--server-name', controlPlaneName],
    ...settings.extraArgs,
  ];
}

/** `skerry token`: prints a join token for one pod. */
export function tokenArgs(stateDirectory: string, pod: PodManifest): readonly string[] {
  return ['token', '--state-dir', stateDirectory, ...identityArgs(pod), '--ttl', '1h'];
}

/** `skerry ca bundle`: prints the root certificates. */
export function bundleArgs(stateDirectory: string): readonly string[] {
  return ['ca', 'bundle', '--state-dir', stateDirectory];
}

/** `skerry sidecar init`: key and bootstrap of one pod's sidecar. */
export function sidecarInitArgs(
  pod: PodManifest,
  files: { readonly token: string; readonly rootBundle: string; readonly directory: string },
): readonly string[] {
  return [
    ...['sidecar', 'init', ...identityArgs(pod)],
    ...['--token-file', files.token],
    ...['--root-bundle', files.rootBundle],
    ...['--control-plane', `${controlPlaneIp}:${controlPlanePort}`],
    ...['--directory', files.directory],
  ];
}

function identityArgs(pod: PodManifest): readonly string[] {
  return [
    ...['--namespace', pod.namespace],
    ...['--pod', pod.name],
    ...['--service-account', pod.serviceAccount],
    ...['--pod-uid', pod.uid],
  ];
}

/** How an Envoy of the rig runs. */
export interface EnvoySettings {
  readonly bootstrap: string;
  readonly logLevel: string;
  /** Worker threads. */
  readonly concurrency: number;
  /** Connections of a replaced listener are closed after so many seconds. */
  readonly drainSeconds: number;
}

/** Envoy's arguments. */
export function envoyArgs(settings: EnvoySettings): readonly string[] {
  return [
    ...['--config-path', settings.bootstrap],
    ...['--concurrency', `${settings.concurrency}`],
    ...['--drain-time-s', `${settings.drainSeconds}`],
    ...['--drain-strategy', 'immediate'],
    ...['--log-level', settings.logLevel],
    // Else its access log comes up to 10 s late.
    ...['--file-flush-interval-msec', '200'],
    // Its shared memory would be common to all pods of this machine.
    '--disable-hot-restart',
  ];
}
