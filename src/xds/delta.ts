/** Spells a response of the delta protocol. */
import type { DeltaDiscoveryResponse, DeltaResource } from '../envoy/index.js';
import type { Shipped } from './type-state.js';

/** The response that says `items`; the version of the system is the generation. */
export function spellDelta(options: {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly generation: number;
  readonly items: ReadonlyMap<string, Shipped>;
}): DeltaDiscoveryResponse {
  const resources: DeltaResource[] = [];
  const removed: string[] = [];
  for (const [name, { item }] of options.items) {
    switch (item.kind) {
      case 'set':
        resources.push({ name, version: item.resource.version, bytes: item.resource.bytes });
        break;
      case 'alias':
        resources.push({ name, version: '', aliases: [name] });
        break;
      case 'gone':
        removed.push(name);
        break;
    }
  }
  return {
    type_url: options.typeUrl,
    nonce: options.nonce,
    system_version_info: String(options.generation),
    resources,
    removed_resources: removed,
  };
}
