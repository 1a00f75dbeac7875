/** A row to the change that sets it. */
import type { SourceChange } from '../change.js';
import type { Row } from '../parse/objects.js';
import type { ReadObject } from './read-manifests.js';

/** The change that makes `row` the row of the object; undefined removes it. */
export function toChange(
  object: ReadObject,
  row: Row | undefined,
  manifest: unknown,
): SourceChange {
  const { collection, key, ref } = object;
  if (row === undefined) return { collection, key, value: undefined, ref };
  return { ...row, key, ref, manifest };
}
