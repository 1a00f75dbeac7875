/** Who shares a resource. A sidecar sees the resources of all its scopes; of one name, the nearest wins. */
import { flatText } from '../lib/index.js';

declare const brand: unique symbol;

/**
 * `mesh`, `zone/<zone>`, `namespace/<name>`, `zone/<zone>/<namespace>`, `callers/<key>` or
 * `pod/<namespace>/<name>`, from far to near.
 */
export type Scope = string & { readonly [brand]: 'Scope' };

/** Shared by every sidecar. */
export const meshScope = 'mesh' as Scope;

/** Shared by the sidecars of one namespace. */
export function namespaceScope(namespace: string): Scope {
  return `namespace/${namespace}` as Scope;
}

/** Shared by the sidecars in a zone, of every namespace or of one. */
export function zoneScope(zone: string, namespace?: string): Scope {
  return (namespace === undefined ? `zone/${zone}` : `zone/${zone}/${namespace}`) as Scope;
}

/**
 * Shared by sidecars of one namespace whose own policies are the same. No sidecar sees it as such:
 * what stands there is handed to each of them as its own.
 */
export function callersScope(key: string): Scope {
  return `callers/${key}` as Scope;
}

/** One sidecar's own. */
export function podScope(namespace: string, name: string): Scope {
  return flatText('pod/', namespace, '/', name) as Scope;
}
