/** Parsed manifests as changes of a pipeline. */
import type { SourceChange } from '../../sources/index.js';
import type { PipelineChanges } from '../index.js';

/** Groups changed rows by collection. */
export function toPipelineChanges(changes: readonly SourceChange[]): PipelineChanges {
  const byCollection: Record<string, Map<string, unknown>> = {};
  for (const { collection, key, value } of changes) {
    (byCollection[collection] ??= new Map()).set(key, value);
  }
  return byCollection;
}
