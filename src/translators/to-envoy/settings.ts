/** What is the same for the whole mesh when its configuration is spelled. */

/** Settings that every spelling function may read. */
export interface SpellSettings {
  /** The SPIFFE trust domain, e.g. `cluster.local`. */
  readonly trustDomain: string;
  readonly accessLog: 'Off' | 'Errors' | 'All';
}
