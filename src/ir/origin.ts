/** Provenance: which of the user's objects a piece of configuration comes from. */

/** One object, and where it helps one rule of it. */
export interface Origin {
  /** `Kind namespace/name`, e.g. `TrafficPolicy shop/reviews`. */
  readonly object: string;
  /** Path inside the object, e.g. `spec.routes[0]`. */
  readonly field?: string;
  /** For a TrafficPolicy: the hash of the spec this was made from, which a NACK condemns. */
  readonly hash?: string;
}

/** One setting that a policy has decided, for explanations: configuration does not depend on it. */
export interface SettingIr {
  /** `connect timeout 2s`. */
  readonly says: string;
  readonly origin: Origin;
}
