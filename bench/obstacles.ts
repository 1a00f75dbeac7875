/** What stands in the way of a bench on this machine. */
import { readFileSync } from 'node:fs';
import { findCheckout, missingBuild, missingPrivileges } from '../demo/rig/index.js';
import type { BenchOptions } from './options.js';

/** One line each; empty when nothing does. */
export function obstacles(options: BenchOptions, envoy: string | undefined): readonly string[] {
  return [
    ...missingPrivileges().map(({ what, remedy }) => `the bench needs ${what}: ${remedy}`),
    ...missingBuild(findCheckout()).map((path) => `${path} is missing: npm run build`),
    ...(envoy === undefined ? ['SKERRY_ENVOY does not name an Envoy: npm run setup'] : []),
    ...(options.bench === 'propagation' ? tooManyWatches(options.sidecars) : []),
  ];
}

/** A sidecar watches its token, key and bundle, each by an inotify instance of its own; counted. */
const instancesPerSidecar = 5;
const limitPath = '/proc/sys/fs/inotify/max_user_instances';

/** Sidecars share a user, and an Envoy that gets no instance crashes at start. */
function tooManyWatches(sidecars: number): readonly string[] {
  const wanted = sidecars * instancesPerSidecar;
  const limit = Number(readFileSync(limitPath, 'utf8'));
  return wanted <= limit
    ? []
    : [
        `${sidecars} sidecars need ${wanted} inotify instances, this machine allows ${limit} to a user: sysctl -w fs.inotify.max_user_instances=${2 * wanted}`,
      ];
}
