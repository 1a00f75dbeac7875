/** Chooses what the next response of a type says. Hot. */
import { deltaResourceSize } from '../envoy/index.js';
import { removalsOf, type Removal, type Todo } from './pending.js';
import type { XdsResource } from './resource.js';
import { heldOf, type Item, type Shipped, type TypeState } from './type-state.js';

/** What composing depends on, of one stream. */
export interface ComposeOptions {
  readonly isDelta: boolean;
  readonly maxBytes: number;
  /** The newest generation. */
  generation(): number;
  /** The newest resource of a name that the subscription covers. */
  newest(type: TypeState, name: string): XdsResource | undefined;
  /** True while the name must wait for another type. */
  isHeldBack(type: TypeState, name: string, todo: Todo): boolean;
  /** True while the client withholds another answer until this name is answered. */
  isAwaited(type: TypeState, name: string): boolean;
  /** A name of the type went away before the client had it. */
  vanished(type: TypeState): void;
  /** After a reconnect: the client holds exactly this, so it has accepted it before. */
  confirm(resource: XdsResource): void;
}

/**
 * Takes from what waits now the items of one response, or undefined when there is nothing to say.
 * Of a type that others refer to, removals are set aside, and what has become empty.
 */
export function compose(
  type: TypeState,
  options: ComposeOptions,
): ReadonlyMap<string, Shipped> | undefined {
  while (type.pending.groups.length > 0) {
    const [group = [], ...rest] = type.pending.groups;
    type.pending.groups = rest;
    const items = take(type, group, options);
    if (items.size > 0) return items;
  }
  const items = take(type, type.pending.now.keys(), options);
  if (items.size > 0) return items;
  if (!type.owesAnswer || type.pending.now.size > 0) return undefined;
  return emptyAnswer(type);
}

/** Takes what was set aside and `mayGo` lets go; undefined when there is none. */
export function composeRemovals(
  type: TypeState,
  options: ComposeOptions,
  mayGo: (name: string, removal: Removal) => boolean,
): ReadonlyMap<string, Shipped> | undefined {
  const items = new Map<string, Shipped>();
  for (const [name, todo] of type.pending.removals) {
    if (!mayGo(name, todo)) continue;
    type.pending.removals.delete(name);
    const item = decide(type, name, todo, options);
    // What has come back in the meantime waits in `now` by itself.
    if (item !== 'hold' && item !== undefined && isBreaking(item)) items.set(name, { item, todo });
  }
  return items.size > 0 ? items : undefined;
}

function emptyAnswer(type: TypeState): ReadonlyMap<string, Shipped> {
  type.owesAnswer = false;
  const todo: Todo = { generation: Infinity, sinceMs: 0, isForced: true };
  return new Map(type.rule.emptyAnswer.map((name) => [name, { item: { kind: 'gone' }, todo }]));
}

function take(
  type: TypeState,
  names: Iterable<string>,
  options: ComposeOptions,
): Map<string, Shipped> {
  const { pending } = type;
  const { now } = pending;
  const items = new Map<string, Shipped>();
  const again: [string, Todo][] = [];
  const isSplit = options.isDelta || !type.rule.isFullSet;
  let size = 0;
  for (const name of names) {
    const todo = now.get(name);
    if (todo === undefined) continue;
    const item = decide(type, name, todo, options);
    if (item === 'hold') continue;
    const isDeferred = item !== undefined && isBreaking(item) && isReferredTo(type, name);
    if (isDeferred && !(item.kind === 'gone' && options.isAwaited(type, name))) {
      const isForced = item.kind === 'gone' && todo.isForced;
      removalsOf(pending).set(name, { ...todo, isForced, decidedAt: options.generation() });
      now.delete(name);
      const had = type.held.get(name)?.resource;
      const mustAnswer = item.kind === 'set' && (todo.isForced || options.isAwaited(type, name));
      // The client waits for an answer, and the form that still works is one.
      if (mustAnswer) items.set(name, { item: had === undefined ? item : setTo(had), todo });
      continue;
    }
    if (item?.kind === 'set') {
      const { resource } = item;
      const bytes = deltaResourceSize(resource.typeUrl, resource);
      if (isSplit && items.size > 0 && size + bytes > options.maxBytes) break;
      size += bytes;
      pending.removals.delete(name);
      // An older form was repeated to unblock the client; the newer one still has to go.
      if (todo.isForced && options.isHeldBack(type, name, todo)) {
        again.push([name, { ...todo, isForced: false }]);
      }
    }
    now.delete(name);
    if (item !== undefined) items.set(name, { item, todo });
  }
  for (const [name, todo] of again) now.set(name, todo);
  if (items.size > 0) type.owesAnswer = false;
  return items;
}

/** Whoever still leads to it would fail. */
function isBreaking(item: Item): boolean {
  return item.kind === 'gone' || (item.kind === 'set' && item.resource.isEmpty === true);
}

function setTo(resource: XdsResource): Item {
  return { kind: 'set', resource };
}

/** The client holds it, and other types may lead to it. */
function isReferredTo(type: TypeState, name: string): boolean {
  return type.rule.phase === 'make' && type.held.get(name)?.version !== undefined;
}

function decide(
  type: TypeState,
  name: string,
  todo: Todo,
  options: ComposeOptions,
): Item | 'hold' | undefined {
  const { subscription, held } = type;
  const isExplicit = subscription.names.has(name);
  if (!isExplicit && !subscription.isWildcard) {
    held.delete(name);
    return undefined;
  }
  const resource =
    todo.captured === undefined ? options.newest(type, name) : todo.captured.resource;
  if (resource === undefined) return decideAbsent(type, name, todo, options);
  if (type.parked.get(name)?.resource.version === resource.version) return undefined;
  const had = held.get(name);
  if (!todo.isForced && had?.version === resource.version && !had.isDoubtful) {
    if (had.resource === undefined) {
      held.set(name, heldOf(resource));
      options.confirm(resource);
    }
    return undefined;
  }
  if (!options.isHeldBack(type, name, todo)) return { kind: 'set', resource };
  if (!todo.isForced) return 'hold';
  return { kind: 'set', resource: had?.resource ?? resource };
}

function decideAbsent(
  type: TypeState,
  name: string,
  todo: Todo,
  options: ComposeOptions,
): Item | undefined {
  const { rule } = type;
  const isExplicit = type.subscription.names.has(name);
  const had = type.held.get(name);
  type.parked.delete(name);
  if (had?.version === undefined) options.vanished(type);
  if (isExplicit && rule.missing === 'wait') return undefined;
  // Partial responses have no word for absence; it follows from what refers to the name.
  if (!options.isDelta && !rule.isFullSet) return undefined;
  if (had?.version !== undefined) return { kind: 'gone' };
  if (had !== undefined && !todo.isForced) return undefined;
  if (!isExplicit) return todo.isForced && options.isDelta ? { kind: 'gone' } : undefined;
  return rule.missing === 'alias' ? { kind: 'alias' } : { kind: 'gone' };
}

/** How many resource bodies a response carries. */
export function countBodies(items: ReadonlyMap<string, Shipped>): number {
  let count = 0;
  for (const { item } of items.values()) if (item.kind === 'set') count += 1;
  return count;
}
