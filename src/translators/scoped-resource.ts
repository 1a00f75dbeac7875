/** Encoded resources, shared by scope: what a turn hands out. */
import { encodeUnknown, versionOf, type EncodedResource } from '../envoy/index.js';
import type { Origin, Scope } from '../ir/index.js';

/** One encoded resource, as every stream that needs it sends it. */
export interface SharedResource extends EncodedResource {
  /** True: pushed to everybody in its scope. False: sent to who asks for it by name. */
  readonly isEager: boolean;
  /** Objects it was made from, with the spec hash where one is known; each once. */
  readonly origins: readonly { readonly object: string; readonly hash?: string }[];
}

/** One resource set (or removed, when `resource` is absent) in one scope. */
export interface ScopedResource {
  readonly scope: string;
  readonly typeUrl: string;
  readonly name: string;
  readonly resource?: SharedResource;
}

/** A decision in its scope, before it is spelled. */
export interface Scoped<Ir> {
  readonly scope: Scope;
  readonly isEager: boolean;
  readonly ir: Ir;
}

/** Encodes a message once for its scope. */
export function toScopedResource(
  typeUrl: string,
  message: { readonly name?: string } | { readonly cluster_name?: string },
  sharing: {
    readonly name: string;
    readonly scope: Scope;
    readonly isEager: boolean;
    readonly origins: readonly Origin[];
  },
): ScopedResource & { readonly resource: SharedResource } {
  const { name, scope, isEager } = sharing;
  const bytes = encodeUnknown(typeUrl, message);
  const origins = new Map<string, SharedResource['origins'][number]>();
  for (const { object, hash } of sharing.origins) {
    origins.set(`${object} ${hash ?? ''}`, { object, ...(hash === undefined ? {} : { hash }) });
  }
  const encoded = { typeUrl, name, version: versionOf(bytes), bytes };
  return {
    scope,
    typeUrl,
    name,
    resource: { ...encoded, isEager, origins: [...origins.values()] },
  };
}
