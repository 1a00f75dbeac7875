/** What is in force of the objects an API server holds. Mutable state: rows handed out, last good forms, findings. */
import { isDeepStrictEqual } from 'node:util';
import type { Diagnostic } from '../../model/index.js';
import type { SourceBatch, SourceChange } from '../change.js';
import {
  collectionNames,
  type CollectionName,
  type ParsedObject,
  type Row,
} from '../parse/objects.js';

/** The table. */
export interface RowTable {
  /** Notes an object's newest form; undefined: it is gone. Of several before a `settle` the last counts. */
  set(collection: CollectionName, key: string, parsed: ParsedObject | undefined): void;
  /** What changed since the last call; undefined when nothing did. */
  settle(): SourceBatch | undefined;
}

/** What is in force of an object. */
type Kept = Row & { readonly ref: SourceChange['ref'] };

interface Noted {
  readonly collection: CollectionName;
  readonly key: string;
  readonly parsed: ParsedObject | undefined;
}

function orderOf({ collection }: SourceChange): number {
  return collectionNames.indexOf(collection);
}

/** An empty table. */
export function createRowTable(): RowTable {
  // A map for each collection: a key of both for each object would be kept as long as the object.
  const rows = new Map(collectionNames.map((name) => [name, new Map<string, Kept>()]));
  const found = new Map<string, readonly Diagnostic[]>();
  const noted = new Map<string, Noted>();
  let diagnostics: readonly Diagnostic[] = [];

  /** The newest row, or while the newest form is refused the last good one. */
  const rowOf = (last: Kept | undefined, parsed: ParsedObject | undefined): Row | undefined => {
    if (parsed?.kind !== 'ours') return undefined;
    const { outcome } = parsed;
    if (outcome.kind === 'good') return outcome.row;
    if (outcome.kind === 'nothing') return undefined;
    return last !== undefined && last.value.kind !== 'RefusedPolicy' ? last : outcome.row;
  };

  const noteFindings = (id: string, next: readonly Diagnostic[]): boolean => {
    if (isDeepStrictEqual(found.get(id) ?? [], next)) return false;
    if (next.length === 0) found.delete(id);
    else found.set(id, next);
    return true;
  };

  const changeOf = ({ collection, key, parsed }: Noted): SourceChange | undefined => {
    const own = rows.get(collection);
    const former = own?.get(key);
    const row = rowOf(former, parsed);
    if (row === undefined || parsed?.kind !== 'ours') {
      if (former === undefined) return undefined;
      own?.delete(key);
      return { collection, key, value: undefined, ref: former.ref };
    }
    if (former !== undefined && isDeepStrictEqual(former.value, row.value)) return undefined;
    const { ref } = parsed;
    own?.set(key, { ref, ...row });
    return { key, ref, ...row };
  };

  return {
    set(collection, key, parsed): void {
      noted.set(`${collection} ${key}`, { collection, key, parsed });
    },
    settle(): SourceBatch | undefined {
      const changes: SourceChange[] = [];
      let hasFindings = false;
      for (const [id, one] of noted) {
        const { parsed } = one;
        const wrong = parsed === undefined || parsed.kind === 'foreign' ? [] : parsed.diagnostics;
        if (noteFindings(id, wrong)) hasFindings = true;
        const change = changeOf(one);
        if (change !== undefined) changes.push(change);
      }
      noted.clear();
      if (hasFindings) diagnostics = [...found.values()].flat();
      if (!hasFindings && changes.length === 0) return undefined;
      return { changes: changes.sort((a, b) => orderOf(a) - orderOf(b)), diagnostics };
    },
  };
}
