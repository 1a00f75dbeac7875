/** What one replica says of itself to the admin API. */
import type { StateView } from '../admin/index.js';
import { releaseVersion } from '../cli/index.js';
import type { Mesh } from './mesh.js';
import type { Platform } from './platform.js';
import type { Readiness } from './readiness.js';

/** Where it looks; times in milliseconds since the epoch. */
export interface StateSources {
  readonly mesh: Mesh;
  readonly platform: Platform;
  readonly readiness: Readiness;
  readonly startedAtMs: number;
  readonly nowMs: number;
}

/** The state now. */
export function stateView(from: StateSources): StateView {
  const { mesh, platform, startedAtMs, nowMs } = from;
  const { authority, ads, loop } = mesh;
  const { isLeader, sources, lastStatusWriteMs } = platform.state();
  const serverNotAfterMs = ads.serverNotAfterMs();
  return {
    version: releaseVersion,
    replica: platform.replica,
    startedAtMs,
    nowMs,
    generation: loop.generation(),
    waiting: from.readiness.now().reasons,
    isLeader,
    sources,
    authority: {
      trustDomain: authority.trustDomain,
      bundle: authority.bundle(),
      ...(serverNotAfterMs !== undefined && { serverNotAfterMs }),
    },
    ...(lastStatusWriteMs !== undefined && { lastStatusWriteMs }),
  };
}
