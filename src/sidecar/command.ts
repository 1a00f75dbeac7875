/** The command line by which a sidecar's Envoy is run. */
import { proxyGid, proxyUid } from './ports.js';

/** A program and its arguments. */
export interface ProxyCommand {
  readonly file: string;
  readonly args: readonly string[];
}

/** How long connections of a replaced listener may stay, where nothing else is said. */
export const defaultDrainSeconds = 5;

/** What the command is made from. */
export interface ProxyCommandOptions {
  readonly envoyPath: string;
  readonly bootstrapPath: string;
  /**
   * `proxy`: become the sidecar's uid and gid by setpriv, without capabilities and without a way
   * back, for a starter that is root; `caller`: stay who we are, as in a container of that uid.
   */
  readonly runAs: 'proxy' | 'caller';
  /** Worker threads; default 2. */
  readonly concurrency?: number;
  /** How long connections of a replaced listener may stay; default {@link defaultDrainSeconds}. */
  readonly drainTimeSeconds?: number;
  /** Envoy's own log; default `warning`. */
  readonly logLevel?: 'error' | 'warning' | 'info' | 'debug';
}

/**
 * Hot restart is off: it would need a shared region and a parent that lingers, so
 * `--parent-shutdown-time-s` would mean nothing and is not given. Draining is immediate, not
 * spread over the drain time: connections of a replaced listener are told at once to close.
 */
export function proxyCommand(options: ProxyCommandOptions): ProxyCommand {
  const envoy = [
    options.envoyPath,
    ...['-c', options.bootstrapPath],
    '--disable-hot-restart',
    ...['--drain-time-s', String(options.drainTimeSeconds ?? defaultDrainSeconds)],
    ...['--drain-strategy', 'immediate'],
    ...['--concurrency', String(options.concurrency ?? 2)],
    ...['--log-level', options.logLevel ?? 'warning'],
  ];
  if (options.runAs === 'caller') return { file: options.envoyPath, args: envoy.slice(1) };
  const become = [
    ...['--reuid', String(proxyUid), '--regid', String(proxyGid), '--clear-groups'],
    ...['--inh-caps', '-all', '--bounding-set', '-all', '--no-new-privs', '--'],
  ];
  return { file: 'setpriv', args: [...become, ...envoy] };
}
