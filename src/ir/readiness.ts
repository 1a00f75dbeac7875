/** What a sidecar answers for the kubelet besides its own readiness. */
import type { Probe } from '../model/index.js';

/** The probes of one pod. */
export interface ReadinessIr {
  readonly namespace: string;
  readonly name: string;
  /** The pod's address, at which the kubelet would ask the app. */
  readonly ip: string;
  /** At least one. */
  readonly probes: readonly Probe[];
}
