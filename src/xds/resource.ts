/** What the protocol moves: opaque encoded resources, shared by scope. */

/** One encoded resource; immutable and shared by every stream that needs it. */
export interface XdsResource {
  readonly typeUrl: string;
  readonly name: string;
  /** Hash of `bytes`, so that every replica gives the same answer. */
  readonly version: string;
  /** The encoded message: the `value` of the Any. */
  readonly bytes: Uint8Array;
  /** True: part of the wildcard set of its scope. False: sent only to who asks for it by name. */
  readonly isEager: boolean;
  /** True: nothing can be reached by it, so what leads to it should lead elsewhere first. */
  readonly isEmpty?: boolean;
  /** Objects it was made from, `Kind namespace/name`, with the spec hash where one is known. */
  readonly origins: readonly { readonly object: string; readonly hash?: string }[];
}

/** One resource set (or removed, when `resource` is absent) in one scope. */
export interface ResourceChange {
  readonly scope: string;
  readonly typeUrl: string;
  readonly name: string;
  readonly resource?: XdsResource;
}
