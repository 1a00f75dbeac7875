/** Changed rows as resources set and removed. */
import type { Output } from '../graph/index.js';
import type { Mesh } from './mesh.js';
import type { ScopedResource } from './scoped-resource.js';

/** The outputs of a turn as changes of resources; a removed one has no `resource`. */
export function handOut(mesh: Mesh, outputs: readonly Output[]): readonly ScopedResource[] {
  const collections = new Set(mesh.encoded.map(({ name }) => name));
  const set = new Map<string, ScopedResource>();
  const gone = new Map<string, ScopedResource>();
  for (const { collection, value, former } of outputs as readonly OutputOf<ScopedResource>[]) {
    if (!collections.has(collection)) continue;
    if (former !== undefined) {
      const { scope, typeUrl, name } = former;
      gone.set(identityOf(former), { scope, typeUrl, name });
    }
    if (value !== undefined) set.set(identityOf(value), value);
  }
  // A name that moves from one collection to another in one turn was never gone.
  const removed = [...gone].filter(([identity]) => !set.has(identity));
  return [...set.values(), ...removed.map(([, former]) => former)];
}

/** Of a collection whose rows are known. */
interface OutputOf<V> extends Output {
  readonly value: V | undefined;
  readonly former: V | undefined;
}

function identityOf({ scope, typeUrl, name }: ScopedResource): string {
  return `${scope} ${typeUrl} ${name}`;
}
