/** Changed rows as resources set and removed. Mutable: it remembers what a row was handed out as. */
import type { Output } from '../graph/index.js';
import type { Mesh } from './mesh.js';
import type { ScopedResource } from './scoped-resource.js';

/** Turns the outputs of each turn into changes of resources. */
export interface Handout {
  /** To be called with the outputs of every turn, in order. */
  take(outputs: readonly Output[]): readonly ScopedResource[];
}

/** A handout that has given nothing yet. */
export function createHandout(mesh: Mesh): Handout {
  const collections = new Map(mesh.encoded.map((rows) => [rows.name, rows]));
  const given = new Map<string, Omit<ScopedResource, 'resource'>>();
  return {
    take(outputs): readonly ScopedResource[] {
      const set = new Map<string, ScopedResource>();
      const gone = new Map<string, ScopedResource>();
      for (const { collection, key } of outputs) {
        const rows = collections.get(collection);
        if (rows === undefined) continue;
        const place = `${collection} ${key}`;
        const former = given.get(place);
        const row = mesh.graph.get(rows, key);
        if (former !== undefined) gone.set(identityOf(former), former);
        if (row === undefined) {
          given.delete(place);
        } else {
          given.set(place, { scope: row.scope, typeUrl: row.typeUrl, name: row.name });
          set.set(identityOf(row), row);
        }
      }
      // A name that moves from one collection to another in one turn was never gone.
      const removed = [...gone].filter(([identity]) => !set.has(identity));
      return [...set.values(), ...removed.map(([, former]) => former)];
    },
  };
}

function identityOf({ scope, typeUrl, name }: ScopedResource): string {
  return `${scope} ${typeUrl} ${name}`;
}
