/** The resources by scope, and who is to be told when one changes. Mutable state; hot. */
import { each, excluding, includes, including, sizeOf, type Few } from '../lib/index.js';
import type { ResourceChange, XdsResource } from './resource.js';
import { emptyShelf, findOn, lookAt, placeOn, type Look, type Shelf } from './shelf.js';

/** Told of what changed; both are called within `apply`, so they must only take notes. */
export interface CacheListener {
  /** A resource that this watch may hold was set or removed in one of its scopes. */
  changed(typeUrl: string, name: string): void;
  /** After the last `changed` of a generation that touched this watch. */
  turn(generation: number): void;
}

/** What one stream sees of the cache: its scopes laid over each other, of one name the nearest. */
export interface ScopedView {
  get(typeUrl: string, name: string): XdsResource | undefined;
  /** The wildcard set: the names whose nearest resource is eager. */
  eager(typeUrl: string): ReadonlyMap<string, XdsResource>;
  /** The cache's own copy of a name where it has one: a thousand streams then keep one string. */
  shared(typeUrl: string, name: string): string;
  /** Asks to be told of one name; asking twice is asking once. */
  watchName(typeUrl: string, name: string): void;
  unwatchName(typeUrl: string, name: string): void;
  /** Asks to be told of every change to the wildcard set of a type. */
  watchWildcard(typeUrl: string): void;
  unwatchWildcard(typeUrl: string): void;
  /** The newest generation applied. */
  generation(): number;
  /** Ends all watching. `names`: by type, those asked for and not given up, which only the asker keeps. */
  close(names: Iterable<readonly [typeUrl: string, names: Iterable<string>]>): void;
}

/** Tables of resources by scope, type and name. */
export interface ResourceCache {
  /** Makes all changes at once, then tells the watches concerned; generations never go back. */
  apply(generation: number, changes: readonly ResourceChange[]): void;
  /** The resource in the nearest of `scopes`, which run from far to near. */
  get(scopes: readonly string[], typeUrl: string, name: string): XdsResource | undefined;
  /** The eager resources of `scopes` by name; a nearer one that is not eager hides a farther one. */
  eager(scopes: readonly string[], typeUrl: string): ReadonlyMap<string, XdsResource>;
  /** The names that a scope holds of a type, for inspection. */
  names(scope: string, typeUrl: string): readonly string[];
  /** A view of `scopes`, from far to near, whose listener hears of what it watches. */
  open(scopes: readonly string[], listener: CacheListener): ScopedView;
  generation(): number;
}

interface Watch {
  readonly listener: CacheListener;
  readonly scopes: readonly string[];
  /** Types of which it asks for the wildcard set. */
  wildcards: Few<string>;
}

/** Watches by a text; most have one. */
type Watches = Map<string, Few<Watch>>;

const noResources: ReadonlyMap<string, XdsResource> = new Map();

/** An empty cache at generation 0. */
export function createResourceCache(): ResourceCache {
  const shelves = new Map<string, Shelf>();
  const watchesByScope: Watches = new Map();
  const watchesByName = new Map<string, Watches>();
  // In how many scopes a name is eager: only then can a change touch a wildcard set.
  const eagerCounts = new Map<string, Map<string, number>>();
  let current = 0;

  const get = (
    scopes: readonly string[],
    typeUrl: string,
    name: string,
  ): XdsResource | undefined => {
    for (let at = scopes.length - 1; at >= 0; at -= 1) {
      const shelf = shelves.get(scopes[at] ?? '');
      const found = shelf && findOn(shelf, typeUrl, name);
      if (found !== undefined) return found;
    }
    return undefined;
  };

  const eager = (scopes: readonly string[], typeUrl: string): ReadonlyMap<string, XdsResource> => {
    const looks: Look[] = [];
    for (const scope of scopes) {
      const shelf = shelves.get(scope);
      const look = shelf && lookAt(shelf, typeUrl);
      if (look !== undefined) looks.push(look);
    }
    const [only] = looks;
    if (only === undefined) return noResources;
    // Mostly the mesh's alone: what all streams ask for is not copied for each.
    if (looks.length === 1) return only.eager;
    const merged = new Map<string, XdsResource>();
    for (const { all, eager: own, isAllEager } of looks) {
      // A nearer resource that is not eager hides the farther one of its name.
      if (!isAllEager) for (const name of all) if (!own.has(name)) merged.delete(name);
      for (const [name, resource] of own) merged.set(name, resource);
    }
    return merged;
  };

  const write = (change: ResourceChange): boolean => {
    const { scope, typeUrl, name, resource } = change;
    const shelf = shelves.get(scope) ?? emptyShelf;
    const before = findOn(shelf, typeUrl, name);
    if (before === resource) return false;
    const wasEager = before?.isEager === true;
    const isEager = resource?.isEager === true;
    const next = placeOn(shelf, typeUrl, name, resource);
    if (next === undefined) shelves.delete(scope);
    else if (next !== shelf) shelves.set(scope, next);
    if (wasEager !== isEager) count(eagerCounts, typeUrl, name, isEager ? 1 : -1);
    return before?.version !== resource?.version || wasEager !== isEager;
  };

  const tell = (change: ResourceChange, wasInWildcard: boolean, touched: Set<Watch>): void => {
    const { scope, typeUrl, name } = change;
    const inScope = watchesByScope.get(scope);
    if (inScope === undefined) return;
    const isInWildcard = wasInWildcard || (eagerCounts.get(typeUrl)?.get(name) ?? 0) > 0;
    if (isInWildcard) {
      each(inScope, (watch) => {
        if (!includes(watch.wildcards, typeUrl)) return;
        watch.listener.changed(typeUrl, name);
        touched.add(watch);
      });
    }
    const byName = watchesByName.get(typeUrl)?.get(name);
    if (byName === undefined) return;
    // Whichever index is smaller: a name that all ask for in a scope of one, or the reverse.
    const isScopeSmaller = sizeOf(inScope) < sizeOf(byName);
    each(isScopeSmaller ? inScope : byName, (watch) => {
      const isConcerned = isScopeSmaller ? includes(byName, watch) : watch.scopes.includes(scope);
      if (!isConcerned || (isInWildcard && includes(watch.wildcards, typeUrl))) return;
      watch.listener.changed(typeUrl, name);
      touched.add(watch);
    });
  };

  const apply = (generation: number, changes: readonly ResourceChange[]): void => {
    const told: [ResourceChange, boolean][] = [];
    for (const change of changes) {
      const wasInWildcard = (eagerCounts.get(change.typeUrl)?.get(change.name) ?? 0) > 0;
      if (write(change)) told.push([change, wasInWildcard]);
    }
    current = Math.max(current, generation);
    const touched = new Set<Watch>();
    for (const [change, wasInWildcard] of told) tell(change, wasInWildcard, touched);
    for (const watch of touched) watch.listener.turn(current);
  };

  const open = (scopes: readonly string[], listener: CacheListener): ScopedView => {
    const watch: Watch = { listener, scopes, wildcards: undefined };
    for (const scope of scopes) index(watchesByScope, scope, watch);
    return {
      get: (typeUrl, name) => get(scopes, typeUrl, name),
      eager: (typeUrl) => eager(scopes, typeUrl),
      shared: (typeUrl, name) => get(scopes, typeUrl, name)?.name ?? name,
      watchName: (typeUrl, name) => {
        index(
          nested(watchesByName, typeUrl, (): Watches => new Map()),
          name,
          watch,
        );
      },
      unwatchName: (typeUrl, name) => {
        unindex(watchesByName.get(typeUrl), name, watch);
      },
      watchWildcard: (typeUrl) => {
        watch.wildcards = including(watch.wildcards, typeUrl);
      },
      unwatchWildcard: (typeUrl) => {
        watch.wildcards = excluding(watch.wildcards, typeUrl);
      },
      generation: () => current,
      close: (byType) => {
        for (const [typeUrl, names] of byType) {
          for (const name of names) unindex(watchesByName.get(typeUrl), name, watch);
        }
        watch.wildcards = undefined;
        for (const scope of scopes) unindex(watchesByScope, scope, watch);
      },
    };
  };

  return {
    apply,
    get,
    eager,
    names: (scope, typeUrl) => [...(lookAt(shelves.get(scope) ?? emptyShelf, typeUrl)?.all ?? [])],
    open,
    generation: () => current,
  };
}

function nested<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

function index(watches: Watches, key: string, watch: Watch): void {
  watches.set(key, including(watches.get(key), watch));
}

function unindex(watches: Watches | undefined, key: string, watch: Watch): void {
  const left = excluding(watches?.get(key), watch);
  if (sizeOf(left) === 0) watches?.delete(key);
  else watches?.set(key, left);
}

function count(
  counts: Map<string, Map<string, number>>,
  typeUrl: string,
  name: string,
  by: 1 | -1,
): void {
  const names = nested(counts, typeUrl, () => new Map<string, number>());
  const left = (names.get(name) ?? 0) + by;
  if (left > 0) names.set(name, left);
  else names.delete(name);
}
