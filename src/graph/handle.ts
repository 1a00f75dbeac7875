/** Handles: what the outside holds of a collection or lookup, and the way back to its rows. */
import type { Collection, Lookup, Source } from './graph.js';
import type { IndexTable } from './index-table.js';
import type { Table } from './table.js';

const inside = Symbol('inside');

interface CollectionHandle<V> extends Collection<V> {
  readonly [inside]: Table<V>;
}

interface LookupHandle<V> extends Lookup<V> {
  readonly [inside]: IndexTable<V>;
}

/** A handle of a derived collection. */
export function makeCollection<V>(table: Table<V>): Collection<V> {
  const handle: CollectionHandle<V> = { name: table.place.name, [inside]: table };
  return Object.freeze(handle);
}

/** A handle of a source. */
export function makeSource<V>(table: Table<V>): Source<V> {
  const handle: CollectionHandle<V> & Source<V> = {
    name: table.place.name,
    isSource: true,
    [inside]: table,
  };
  return Object.freeze(handle);
}

/** A handle of a lookup. */
export function makeLookup<V>(index: IndexTable<V>): Lookup<V> {
  const handle: LookupHandle<V> = { name: index.place.name, [inside]: index };
  return Object.freeze(handle);
}

/** The table behind a handle; throws for an object that no graph has made. */
export function tableOf<V>(handle: Collection<V>): Table<V> {
  if (!isCollectionHandle(handle)) throw new Error(`${handle.name} is not a collection of a graph`);
  return handle[inside];
}

/** The index behind a handle; throws for an object that no graph has made. */
export function indexOf<V>(handle: Lookup<V>): IndexTable<V> {
  if (!isLookupHandle(handle)) throw new Error(`${handle.name} is not a lookup of a graph`);
  return handle[inside];
}

function isCollectionHandle<V>(handle: Collection<V>): handle is CollectionHandle<V> {
  return inside in handle;
}

function isLookupHandle<V>(handle: Lookup<V>): handle is LookupHandle<V> {
  return inside in handle;
}
