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

/** Names by when they may be sent. */
export interface Pending {
  /** For the next wave. */
  readonly next: Map<string, Todo>;
  /** For the next response. */
  readonly now: Map<string, Todo>;
  /** Removals, and what became empty, that wait until nothing refers to the name any more. */
  readonly removals: Map<string, Removal>;
  /** While a rejected response is taken apart: which names may go together, in order. */
  groups: readonly (readonly string[])[];
}

/** Nothing waits yet. */
export function createPending(): Pending {
  return { next: new Map(), now: new Map(), removals: new Map(), groups: [] };
}

/** A map that stays empty and is shared by all: what was put into it would be everybody's. */
export function emptyForAll<V>(): Map<string, V> {
  const map = new Map<string, V>();
  map.set = (key) => {
    throw new Error(`${key} was put into what all share`);
  };
  return map;
}

/** Nothing waits, as of nearly every type of every stream: one for all, which is replaced and never written. */
export const nothingPending: Pending = Object.freeze({
  next: emptyForAll<Todo>(),
  now: emptyForAll<Todo>(),
  removals: emptyForAll<Removal>(),
  groups: [],
});

/** Adds `todo`, keeping the older generation and the stronger wish of what already waits. */
export function merge(into: Map<string, Todo>, name: string, todo: Todo): void {
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
  // Emptying what is empty makes a new table every time.
  if (pending.next.size === 0) return;
  for (const [name, todo] of pending.next) {
    merge(
      pending.now,
      name,
      capture === undefined ? todo : { ...todo, captured: { resource: capture(name) } },
    );
  }
  pending.next.clear();
}

/** Moves what was to be sent back to the next wave, which will fix its contents anew. */
export function postpone(pending: Pending): void {
  for (const [name, todo] of pending.now) {
    const { generation, sinceMs, isForced } = todo;
    merge(pending.next, name, { generation, sinceMs, isForced });
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
