/** The last good forms of an earlier run, and the writing of new ones. Holds state: both. */
import { createHash } from 'node:crypto';
import type { LastGood, LastGoodStore } from '../last-good.js';
import { ownField } from '../parse/cursor.js';
import { parseObject } from '../parse/objects.js';
import type { PolicyOptions } from '../parse/traffic-policy.js';
import type { GoodForm } from './catalogue.js';
import { objectKeyOf, type ReadObject } from './read-manifests.js';

/** What the catalogue and the source ask of it. */
export interface Memory {
  recall(objectKey: string): GoodForm | undefined;
  recallFile(file: string): readonly ReadObject[];
  /** Files that objects of the earlier run stood in. */
  files(): ReadonlySet<string>;
  /** Object keys of the earlier run. */
  objectKeys(): Iterable<string>;
  /** Writes forms (undefined: forgets); resolves when all are on disk. */
  persist(forms: ReadonlyMap<string, GoodForm | undefined>): Promise<void>;
}

/** A memory of nothing, which writes nothing. */
export const noMemory: Memory = {
  recall: () => undefined,
  recallFile: () => [],
  files: () => new Set(),
  objectKeys: () => [],
  persist: () => Promise.resolve(),
};

/** Reads the store; what no longer parses is passed over. */
export async function loadMemory(store: LastGoodStore, options: PolicyOptions): Promise<Memory> {
  const stored = await store.load();
  const byFile = new Map<string, string[]>();
  for (const [objectKey, entry] of stored) {
    const file = fileOf(entry);
    byFile.set(file, [...(byFile.get(file) ?? []), objectKey]);
  }
  const recallObject = (objectKey: string): ReadObject | undefined => {
    const entry = stored.get(objectKey);
    return entry && readObject(objectKey, entry, options);
  };
  return {
    recall: (objectKey) => {
      const object = recallObject(objectKey);
      if (object?.outcome.kind !== 'good') return undefined;
      const { manifest, outcome } = object;
      return { file: object.position.file, manifest, row: outcome.row };
    },
    recallFile: (file) =>
      (byFile.get(file) ?? []).flatMap((objectKey) => recallObject(objectKey) ?? []),
    files: () => new Set(byFile.keys()),
    objectKeys: () => stored.keys(),
    persist: async (forms) => {
      const writes: Promise<void>[] = [];
      for (const [objectKey, form] of forms) {
        // No copy of a private key is written anywhere.
        if (form?.row.collection === 'credentials') continue;
        writes.push(form === undefined ? store.forget(objectKey) : record(store, objectKey, form));
      }
      await Promise.all(writes);
    },
  };
}

function record(store: LastGoodStore, objectKey: string, form: GoodForm): Promise<void> {
  const kept = { file: form.file, object: form.manifest };
  const hash = createHash('sha256').update(JSON.stringify(kept)).digest('hex').slice(0, 16);
  return store.record(objectKey, hash, kept);
}

function fileOf(entry: LastGood): string {
  const file = ownField(entry.manifest, 'file');
  return typeof file === 'string' ? file : '';
}

function readObject(
  objectKey: string,
  entry: LastGood,
  options: PolicyOptions,
): ReadObject | undefined {
  const manifest = ownField(entry.manifest, 'object');
  const parsed = parseObject(manifest, options);
  if (parsed.kind !== 'ours' || parsed.outcome.kind !== 'good') return undefined;
  if (objectKeyOf(parsed.ref) !== objectKey) return undefined;
  const file = fileOf(entry);
  const { collection, key, ref, outcome } = parsed;
  const position = { file, line: 1, column: 1 };
  return { objectKey, collection, key, ref, manifest, outcome, diagnostics: [], position };
}
