/** Every command line of `skerry` and Envoy that the rig uses, in one place. */
import { proxyCommand } from '../../src/sidecar/index.js';

/** The control plane's address on the bridge. */
export const controlPlaneIp = '10.66.0.2';
/** Its ADS port. */
export const controlPlanePort = 15010;
/** The DNS name in the control plane's certificate. */
export const controlPlaneName = 'skerry.skerry-system.svc';

/** Settings of one control plane. */
export interface ControllerSettings {
  readonly directory: string;
  readonly stateDirectory: string;
  readonly adminSocket: string;
  /** File kept with the trust bundle, which every sidecar reads. */
  readonly rootFile: string;
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
    ...['--root-file', settings.rootFile],
    ...settings.meshCidrs.flatMap((cidr) => ['--mesh-cidr', cidr]),
    ...['--outbound', settings.outbound],
    ...['--access-log', settings.accessLog],
    ...['--server-name', controlPlaneName],
    ...settings.extraArgs,
  ];
}

/** `skerry ca bundle`: prints the root certificates. */
export function bundleArgs(stateDirectory: string): readonly string[] {
  return ['ca', 'bundle', '--state-dir', stateDirectory];
}

/** How an Envoy of the rig runs. */
export interface EnvoySettings {
  readonly logLevel: 'error' | 'warning' | 'info' | 'debug';
  /** Worker threads. */
  readonly concurrency: number;
  /** Connections of a replaced listener are closed after so many seconds. */
  readonly drainSeconds: number;
}

/** The argument list of a sidecar's Envoy. */
export function envoyArgv(
  envoyPath: string,
  bootstrapPath: string,
  settings: EnvoySettings,
): readonly string[] {
  const { file, args } = proxyCommand({
    envoyPath,
    bootstrapPath,
    runAs: 'caller',
    concurrency: settings.concurrency,
    drainTimeSeconds: settings.drainSeconds,
    logLevel: settings.logLevel,
  });
  // Else the access log comes up to 10 s late.
  return [file, ...args, '--file-flush-interval-msec', '200'];
}
