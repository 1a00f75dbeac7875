/** What a client says after a reconnect that it holds from before. Hot: a sidecar may name thousands. */
import type { XdsResource } from './resource.js';
import { heldOf, type TypeState } from './type-state.js';

/** Of a client that says nothing of what it holds. */
export const noClaims: ReadonlyMap<string, string> = new Map();

/**
 * Takes in versions by name (`initial_resource_versions` of the first request of a type). What is
 * held in its newest form is settled at once and returned; `settle` is called with each other name.
 */
export function takeClaims(
  type: TypeState,
  claims: ReadonlyMap<string, string>,
  options: {
    /** The name as the cache spells it, so that one text serves all streams. */
    shared(name: string): string;
    /** What the client is to have; undefined: it has not asked for it, or there is nothing. */
    newest(name: string): XdsResource | undefined;
    settle(name: string): void;
  },
): readonly XdsResource[] {
  const confirmed: XdsResource[] = [];
  for (const [said, version] of claims) {
    const name = options.shared(said);
    const resource = options.newest(name);
    if (resource?.version === version) {
      type.held.set(name, heldOf(resource));
      confirmed.push(resource);
    } else {
      type.held.set(name, { version, isDoubtful: false });
      options.settle(name);
    }
  }
  return confirmed;
}

/** Whether the client holds this very form for certain. */
export function holds(type: TypeState, name: string, resource: XdsResource | undefined): boolean {
  const held = type.held.get(name);
  return resource !== undefined && held?.resource === resource && !held.isDoubtful;
}
