/** Applies a JSON Patch of `add` operations as an API server does (RFC 6902, section 4.1), for tests. */
import { isList, isMap, type Json, type JsonMap } from '../json.js';
import type { SpelledOperation } from '../patch.js';

/** A patched copy. Throws where the parent of a path does not exist, as an API server refuses it. */
export function applyPatch(object: JsonMap, patch: readonly SpelledOperation[]): unknown {
  const copy: unknown = JSON.parse(JSON.stringify(object));
  for (const { path, value } of patch) {
    const steps = path
      .split('/')
      .slice(1)
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = steps.pop() ?? '';
    const parent = steps.reduce<Json | undefined>(descend, copy as Json);
    if (!isMap(parent)) throw new Error(`expected a parent at ${path}`);
    Object.assign(parent, { [last]: value });
  }
  return copy;
}

function descend(at: Json | undefined, step: string): Json | undefined {
  if (isList(at)) return at[Number(step)];
  return isMap(at) ? at[step] : undefined;
}
