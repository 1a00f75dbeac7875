/** The probes that a sidecar answers. */
import type { ReadinessIr } from '../../ir/index.js';
import type { Pod } from '../../model/index.js';

/** Undefined where there are none, or nobody yet to answer them. */
export function toReadiness(pod: Pod): ReadinessIr | undefined {
  const { namespace, name, probes, isFinished, isHostNetwork, isInMesh } = pod;
  const [ip] = pod.ips;
  if (isFinished || isHostNetwork || !isInMesh) return undefined;
  if (ip === undefined || probes.length === 0) return undefined;
  return { namespace, name, ip, probes };
}
