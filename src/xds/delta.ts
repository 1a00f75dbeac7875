/** Spells a response of the delta protocol. Mutable state: what was spelled last; hot. */
import {
  appendNonce,
  encodeDeltaDiscoveryResponse,
  type DeltaDiscoveryResponse,
  type DeltaResource,
} from '../envoy/index.js';
import type { XdsResource } from './resource.js';
import type { Shipped } from './type-state.js';

/** What a response says. */
interface Content {
  readonly typeUrl: string;
  readonly nonce: string;
  /** The version of the system. */
  readonly generation: number;
  readonly items: ReadonlyMap<string, Shipped>;
}

// A change goes to one stream after the other, and of each it differs in its nonce alone.
let latest:
  | {
      readonly resource: XdsResource;
      readonly generation: number;
      readonly bytes: Uint8Array;
    }
  | undefined;

/** The response that says `items`, in wire format; it is encoded once for all streams that it goes to in a row. */
export function encodeDelta(content: Content): Uint8Array {
  const { generation, nonce } = content;
  const resource = onlyOf(content);
  if (resource === undefined) return encodeDeltaDiscoveryResponse(spell(content));
  if (latest?.resource !== resource || latest.generation !== generation) {
    const bytes = encodeDeltaDiscoveryResponse(spell({ ...content, nonce: '' }));
    latest = { resource, generation, bytes };
  }
  return appendNonce(latest.bytes, nonce);
}

/** The resource that a response brings, where that is all it says. */
function onlyOf({ items }: Content): XdsResource | undefined {
  if (items.size !== 1) return undefined;
  for (const { item } of items.values()) if (item.kind === 'set') return item.resource;
  return undefined;
}

function spell({ typeUrl, nonce, generation, items }: Content): DeltaDiscoveryResponse {
  const resources: DeltaResource[] = [];
  const removed: string[] = [];
  for (const [name, { item }] of items) {
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
    type_url: typeUrl,
    nonce,
    system_version_info: String(generation),
    resources,
    removed_resources: removed,
  };
}
