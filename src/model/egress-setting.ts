/** `outbound.egress` of a TrafficPolicy: what pods may call that nobody in the mesh has. */

/** What passes under KnownOnly besides the mesh itself. */
export type EgressEntry =
  | {
      readonly kind: 'host';
      /** Lower case, without a closing dot; or `*.` and such a name, which stands for all below it. */
      readonly host: string;
      /** Not empty. */
      readonly ports: readonly number[];
    }
  | {
      readonly kind: 'cidr';
      /** Canonical. */
      readonly cidr: string;
      /** Not empty; absent: all. */
      readonly ports?: readonly number[];
    };

/** `outbound.egress`; what is absent is left to farther targets. */
export interface EgressSetting {
  readonly mode?: 'AllowAny' | 'KnownOnly';
  /** Replaces a farther target's list whole. */
  readonly allow?: readonly EgressEntry[];
}
