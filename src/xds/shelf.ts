/**
 * The resources of one scope. Most scopes are of one pod or one stream and have a handful: those are
 * a list, which is replaced by a change; the others have tables. Hot.
 */
import type { XdsResource } from './resource.js';

/** A list of few, or tables by type. */
export type Shelf = readonly XdsResource[] | Map<string, Table>;

/** The resources of one type. */
interface Table {
  readonly all: Map<string, XdsResource>;
  /** Those that are eager; absent while all are. */
  eager?: Map<string, XdsResource>;
}

/** A longer list costs more to search than it saves. */
const longest = 8;

/** A shelf with nothing on it. */
export const emptyShelf: Shelf = [];

/** The resource of this name. */
export function findOn(shelf: Shelf, typeUrl: string, name: string): XdsResource | undefined {
  if (!isList(shelf)) return shelf.get(typeUrl)?.all.get(name);
  for (const one of shelf) if (one.name === name && one.typeUrl === typeUrl) return one;
  return undefined;
}

/** What a shelf has of one type. */
export interface Look {
  readonly all: Iterable<string>;
  readonly eager: ReadonlyMap<string, XdsResource>;
  readonly isAllEager: boolean;
}

/** Undefined: it has nothing of the type. Of tables it is what they are, and no copy. */
export function lookAt(shelf: Shelf, typeUrl: string): Look | undefined {
  if (isList(shelf)) {
    const own = shelf.filter((one) => one.typeUrl === typeUrl);
    if (own.length === 0) return undefined;
    const eager = own.filter(({ isEager }) => isEager);
    return {
      all: own.map(({ name }) => name),
      eager: new Map(eager.map((one) => [one.name, one])),
      isAllEager: eager.length === own.length,
    };
  }
  const table = shelf.get(typeUrl);
  if (table === undefined) return undefined;
  const { all, eager = all } = table;
  return { all: all.keys(), eager, isAllEager: all.size === eager.size };
}

/** The shelf with `resource`, or without what has its name; undefined: nothing is left. Tables are changed in place. */
export function placeOn(
  shelf: Shelf,
  typeUrl: string,
  name: string,
  resource: XdsResource | undefined,
): Shelf | undefined {
  if (!isList(shelf)) {
    placeInTable(shelf, typeUrl, name, resource);
    return shelf.size === 0 ? undefined : shelf;
  }
  const next = replaced(shelf, typeUrl, name, resource);
  if (next.length <= longest) return next.length === 0 ? undefined : next;
  const tables = new Map<string, Table>();
  for (const one of next) placeInTable(tables, one.typeUrl, one.name, one);
  return tables;
}

/** A list of just its length: one that was filtered or pushed to has room for more. */
function replaced(
  list: readonly XdsResource[],
  typeUrl: string,
  name: string,
  resource: XdsResource | undefined,
): readonly XdsResource[] {
  const at = list.findIndex((one) => one.name === name && one.typeUrl === typeUrl);
  if (resource === undefined) return at < 0 ? list : list.toSpliced(at, 1);
  return at < 0 ? list.concat(resource) : list.with(at, resource);
}

function placeInTable(
  tables: Map<string, Table>,
  typeUrl: string,
  name: string,
  resource: XdsResource | undefined,
): void {
  const table: Table = tables.get(typeUrl) ?? { all: new Map() };
  tables.set(typeUrl, table);
  if (resource?.isEager === false) table.eager ??= new Map(table.all);
  if (resource === undefined) table.all.delete(name);
  else table.all.set(name, resource);
  if (resource?.isEager === true) table.eager?.set(name, resource);
  else table.eager?.delete(name);
  if (table.all.size === 0) tables.delete(typeUrl);
}

function isList(shelf: Shelf): shelf is readonly XdsResource[] {
  return Array.isArray(shelf);
}
