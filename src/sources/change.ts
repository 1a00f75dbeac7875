/** What every source hands out: changed rows, and everything that is wrong. */
import type { Diagnostic, ObjectRef } from '../model/index.js';
import type { CollectionName, CollectionRows } from './parse/objects.js';

/** One row set or removed. */
export type SourceChange = {
  [C in CollectionName]: {
    readonly collection: C;
    /** `namespace/name`, or `name` for Namespaces and Nodes. */
    readonly key: string;
    /** Undefined: removed. */
    readonly value: CollectionRows[C] | undefined;
    readonly ref: ObjectRef;
    /** The object as it was written; absent with a removal. */
    readonly manifest?: unknown;
  };
}[CollectionName];

/** Changes that belong together, and the state of affairs after them. */
export interface SourceBatch {
  /** May be empty when only the diagnostics changed. */
  readonly changes: readonly SourceChange[];
  /** All that is wrong now, not only what is new. */
  readonly diagnostics: readonly Diagnostic[];
}
