/** Spells a response of the state-of-the-world protocol. */
import { createHash } from 'node:crypto';
import type { DiscoveryResponse } from '../envoy/index.js';
import type { XdsResource } from './resource.js';
import { covers, type Shipped, type TypeState } from './type-state.js';

/**
 * The response that says `items`. Of a type with full sets it repeats what the client holds and
 * keeps; what it has refused stays at its last accepted form.
 */
export function spellSotw(
  type: TypeState,
  nonce: string,
  items: ReadonlyMap<string, Shipped>,
): DiscoveryResponse {
  const resources = new Map<string, XdsResource>();
  if (type.rule.isFullSet) {
    for (const [name, { resource }] of type.held) {
      if (resource !== undefined && covers(type, name)) resources.set(name, resource);
    }
  }
  for (const [name, { item }] of items) {
    if (item.kind === 'set') resources.set(name, item.resource);
    else resources.delete(name);
  }
  return {
    type_url: type.rule.typeUrl,
    nonce,
    version_info: setVersion(resources),
    resources: [...resources.values()],
  };
}

/** A hash over names and versions, in order of names: every replica gives the same. */
function setVersion(resources: ReadonlyMap<string, XdsResource>): string {
  const hash = createHash('sha256');
  for (const name of [...resources.keys()].sort()) {
    hash
      .update(name)
      .update('\0')
      .update(resources.get(name)?.version ?? '')
      .update('\0');
  }
  return hash.digest('hex').slice(0, 16);
}
