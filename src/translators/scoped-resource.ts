/** Encoded resources, shared by scope: what a turn hands out. */
import { encodeKept, versionOf, type EncodedResource } from '../envoy/index.js';
import type { Origin, Scope } from '../ir/index.js';

/** One encoded resource, as every stream that needs it sends it. */
export interface SharedResource extends EncodedResource {
  /** True: pushed to everybody in its scope. False: sent to who asks for it by name. */
  readonly isEager: boolean;
  /** True: nothing can be reached by it, so what leads to it should lead elsewhere first. */
  readonly isEmpty?: boolean;
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

/** Who shares a resource, and what it was made from. */
export interface Sharing {
  readonly scope: Scope;
  readonly isEager: boolean;
  readonly isEmpty?: boolean;
  readonly origins: readonly Origin[];
}

/** A message as bytes with their version. */
export function encodeNamed(
  typeUrl: string,
  message: { readonly name?: string } | { readonly cluster_name?: string },
  name: string,
): EncodedResource {
  const bytes = encodeKept(typeUrl, message);
  return { typeUrl, name, version: versionOf(bytes), bytes };
}

/** An encoded message with what streams need to know of it. */
export function toShared(
  encoded: EncodedResource,
  { isEager, isEmpty = false, origins }: Omit<Sharing, 'scope'>,
): SharedResource {
  const byText = new Map<string, SharedResource['origins'][number]>();
  for (const { object, hash } of origins) {
    byText.set(`${object} ${hash ?? ''}`, { object, ...(hash === undefined ? {} : { hash }) });
  }
  return {
    isEager,
    origins: [...byText.values()],
    ...encoded,
    ...(isEmpty ? { isEmpty } : {}),
  };
}

/** A resource in a scope. */
export function inScope(
  scope: Scope,
  resource: SharedResource,
): ScopedResource & { readonly scope: Scope } {
  const { typeUrl, name } = resource;
  return { scope, typeUrl, name, resource };
}

/** Puts an encoded message into its scope. */
export function share(
  encoded: EncodedResource,
  { scope, ...sharing }: Sharing,
): ScopedResource & { readonly scope: Scope } {
  return inScope(scope, toShared(encoded, sharing));
}
