/** What waits to be sent of one type, merged by name: never a queue. Mutable state; hot. */
import type { XdsResource } from './resource.js';

/** Why and since when a name waits. */
export interface Todo {
  /** The oldest generation that this name still owes the client. */
  readonly generation: number;
  readonly sinceMs: number;
  /** The client waits for it, even if it holds this very version. */
  readonly isForced: boolean;
  /** The content to send, where it was fixed at an earlier moment; absent: the newest. */
  readonly captured?: { readonly resource: XdsResource | undefined };
}

/** A removal, or something that became empty, and when it was found to be so. */
export interface Removal extends Todo {
  /** The newest generation then: what refers to the name must be of this one or newer. */
  readonly decidedAt: number;
}

/** Names by when they may be sent; tables of nothing are shared by all until they are added to. */
export interface Pending {
  /** For the next wave; to be added to by {@link merge}. */
  next: Map<string, Todo>;
  /** For the next response; to be added to by {@link nowOf}. */
  now: Map<string, Todo>;
  /** Removals, and what became empty, that wait until nothing refers to the name any more; to be added to by {@link removalsOf}. */
  removals: Map<string, Removal>;
  /** While a rejected response is taken apart: which names may go together, in order. */
  groups: readonly (readonly string[])[];
}

/** A map that stays empty and is shared by all: what was put into it would be everybody's. */
export function emptyForAll<V>(): Map<string, V> {
  const map = new Map<string, V>();
  map.set = (key) => {
    throw new Error(`${key} was put into what all share`);
  };
  return map;
}

const noTodos = emptyForAll<Todo>();
const noRemovals = emptyForAll<Removal>();

/** Nothing waits yet. */
export function createPending(): Pending {
  return { next: noTodos, now: noTodos, removals: noRemovals, groups: [] };
}

/** Nothing waits, as of nearly every type of every stream: one for all, which is replaced and never written. */
export const nothingPending: Pending = Object.freeze(createPending());

/** What waits for the next response, to be added to. */
export function nowOf(pending: Pending): Map<string, Todo> {
  if (pending.now === noTodos) pending.now = new Map();
  return pending.now;
}

/** The removals that wait, to be added to. */
export function removalsOf(pending: Pending): Map<string, Removal> {
  if (pending.removals === noRemovals) pending.removals = new Map();
  return pending.removals;
}

/** Adds `todo` to what waits for the next wave, keeping the older generation and the stronger wish of what already waits. */
export function merge(pending: Pending, name: string, todo: Todo): void {
  if (pending.next === noTodos) pending.next = new Map();
  mergeInto(pending.next, name, todo);
}

function mergeInto(into: Map<string, Todo>, name: string, todo: Todo): void {
  const old = into.get(name);
  into.set(name, old === undefined ? todo : combine(old, todo));
}

function combine(old: Todo, fresh: Todo): Todo {
  return {
    generation: Math.min(old.generation, fresh.generation),
    sinceMs: Math.min(old.sinceMs, fresh.sinceMs),
    isForced: old.isForced || fresh.isForced,
    ...(fresh.captured === undefined ? {} : { captured: fresh.captured }),
  };
}

/** Moves what waits for the next wave into the present one; `capture` fixes the contents. */
export function promote(
  pending: Pending,
  capture?: (name: string) => XdsResource | undefined,
): void {
  const { next, now } = pending;
  if (next.size === 0) return;
  if (capture !== undefined) {
    for (const [name, todo] of next) {
      next.set(name, { ...todo, captured: { resource: capture(name) } });
    }
  }
  if (now.size === 0) {
    pending.now = next;
    pending.next = now;
    return;
  }
  for (const [name, todo] of next) mergeInto(now, name, todo);
  pending.next = noTodos;
}

/** Moves what was to be sent back to the next wave, which will fix its contents anew. */
export function postpone(pending: Pending): void {
  for (const [name, todo] of pending.now) {
    const { generation, sinceMs, isForced } = todo;
    merge(pending, name, { generation, sinceMs, isForced });
  }
  pending.now.clear();
}

/** Takes a name out of everything. */
export function forget(pending: Pending, name: string): void {
  pending.next.delete(name);
  pending.now.delete(name);
  pending.removals.delete(name);
}

/** The oldest generation that waits to be set (removals apart); Infinity when none does. */
export function oldestGeneration(pending: Pending): number {
  // As of nearly every type of every stream.
  if (pending.now.size === 0 && pending.next.size === 0) return Infinity;
  let oldest = Infinity;
  for (const { generation } of pending.now.values()) oldest = Math.min(oldest, generation);
  for (const { generation } of pending.next.values()) oldest = Math.min(oldest, generation);
  return oldest;
}
