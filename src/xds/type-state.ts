/** One resource type on one stream: what the client has, waits for and refused. Mutable state; hot. */
import { blame, isolationGroups } from './nack.js';
import {
  createPending,
  emptyForAll,
  forget,
  nothingPending,
  nowOf,
  type Pending,
  type Todo,
} from './pending.js';
import type { XdsResource } from './resource.js';
import type { TypeRule } from './rules.js';
import { createSubscription, type Subscription } from './subscription.js';

/** What the client holds of one name. */
export interface Held {
  /** Undefined: it was told that there is nothing of this name. */
  readonly version: string | undefined;
  /** Absent after a reconnect, when only the version is known. */
  readonly resource?: XdsResource;
  /** A rejected response may have touched it, so an equal version is no proof. */
  readonly isDoubtful: boolean;
}

/** What a response says of one name. */
export type Item =
  | { readonly kind: 'set'; readonly resource: XdsResource }
  | { readonly kind: 'gone' }
  | { readonly kind: 'alias' };

/** An item on the wire, and why it was sent. */
export interface Shipped {
  readonly item: Item;
  readonly todo: Todo;
}

/** A response that waits for its ACK or NACK. */
export interface Flight {
  readonly nonce: string;
  readonly items: ReadonlyMap<string, Shipped>;
  readonly sentAtMs: number;
  /** The newest generation when it was sent. */
  readonly generation: number;
  /** The oldest generation that it brings to the client. */
  readonly oldest: number;
}

/** A version that the client refused; it is not sent again. */
export interface Parked {
  readonly resource: XdsResource;
  readonly message: string;
  readonly generation: number;
}

/** The state of one type. */
export interface TypeState {
  readonly rule: TypeRule;
  readonly subscription: Subscription;
  /** To be written by {@link pendingOf}. */
  pending: Pending;
  readonly held: Map<string, Held>;
  /** Few streams have ever refused anything. */
  parked: Map<string, Parked>;
  inFlight: Flight | undefined;
  /** A response whose answer is overdue; it no longer holds anything back. */
  lost: Flight | undefined;
  /** The last nonce sent; empty before the first response. */
  nonce: string;
  /** The client waits for a first answer, even one without resources. */
  owesAnswer: boolean;
  /** `atMs`: when the last response was sent, in milliseconds since the epoch. */
  readonly sent: {
    responses: number;
    bodies: number;
    bytes: number;
    generation: number;
    atMs: number | undefined;
  };
  /** `atMs`: when the last ACK came. */
  readonly acked: { count: number; nacks: number; generation: number; atMs: number | undefined };
  /** What the client had accepted was replaced; the last few times, where that drains. */
  replaced: readonly Replacement[];
}

/** Something that the client held gave way to another form, or to nothing. */
export interface Replacement {
  /** The oldest generation that it brought to the client. */
  readonly generation: number;
  /** When the client said so, in milliseconds since the epoch. */
  readonly atMs: number;
}

const noneParked = emptyForAll<Parked>();

/** What waits of a type, to be added to. */
export function pendingOf(type: TypeState): Pending {
  if (type.pending === nothingPending) type.pending = createPending();
  return type.pending;
}

/** A type that nobody has asked for yet. */
export function createTypeState(rule: TypeRule): TypeState {
  return {
    rule,
    subscription: createSubscription(),
    pending: nothingPending,
    held: new Map(),
    parked: noneParked,
    inFlight: undefined,
    lost: undefined,
    nonce: '',
    owesAnswer: false,
    sent: { responses: 0, bodies: 0, bytes: 0, generation: 0, atMs: undefined },
    acked: { count: 0, nacks: 0, generation: 0, atMs: undefined },
    replaced: [],
  };
}

/** True while a response may have something to say; removals wait apart. */
export function hasToSay({ pending, owesAnswer }: TypeState): boolean {
  return owesAnswer || pending.now.size > 0 || pending.groups.length > 0;
}

/** True while nothing waits to be sent, now or later. */
function isIdle(type: TypeState): boolean {
  const { next, removals } = type.pending;
  return !hasToSay(type) && next.size === 0 && removals.size === 0;
}

/** Lets go of the tables of types of which nothing waits; true: of none of them anything does. */
export function letRest(types: Iterable<TypeState>): boolean {
  let areAll = true;
  for (const type of types) {
    if (isIdle(type)) type.pending = nothingPending;
    else areAll = false;
  }
  return areAll;
}

/** How many replacements are remembered. */
const maxReplaced = 16;

/** To be called before an answer to `flight` is taken in: whether the client lets go of what it has. */
export function isReplacing({ rule, held }: TypeState, flight: Flight): boolean {
  if (!rule.isDraining) return false;
  for (const [name, { item }] of flight.items) {
    const version = held.get(name)?.version;
    if (version === undefined) continue;
    if (item.kind !== 'set' || item.resource.version !== version) return true;
  }
  return false;
}

/** Remembers that `flight` has replaced something. */
export function noteReplaced(type: TypeState, { oldest }: Flight, atMs: number): void {
  type.replaced = [...type.replaced, { generation: oldest, atMs }].slice(-maxReplaced);
}

/** True while the client subscribes to `name`, by name or by wildcard. */
export function covers(type: TypeState, name: string): boolean {
  return type.subscription.isWildcard || type.subscription.names.has(name);
}

/** The client has let go of `name`. */
export function letGo(type: TypeState, name: string): void {
  forget(type.pending, name);
  type.held.delete(name);
  type.parked.delete(name);
}

const nobody: ReadonlySet<string> = new Set();

/** What the client has accepted. */
export interface Accepted {
  readonly resources: readonly XdsResource[];
  readonly removed: readonly string[];
}

/** Takes note that the client has accepted `flight`, except the names left out. */
export function accept(
  type: TypeState,
  flight: Flight,
  except: ReadonlySet<string> = nobody,
): Accepted {
  const accepted = assume(type, flight, except);
  for (const { name } of accepted.resources) type.parked.delete(name);
  type.acked.count += 1;
  type.acked.generation = Math.max(type.acked.generation, flight.generation);
  return accepted;
}

/** Goes on as if the client had everything of `flight`, which has not been answered in time. */
export function giveUp(type: TypeState, flight: Flight): void {
  assume(type, flight, nobody);
  for (const name of flight.items.keys()) doubt(type, name);
}

const holdings = new WeakMap<XdsResource, Held>();

/** Holding `resource` for certain; one object for all streams, of which each holds thousands. */
export function heldOf(resource: XdsResource): Held {
  const known = holdings.get(resource);
  if (known !== undefined) return known;
  const held: Held = { version: resource.version, resource, isDoubtful: false };
  holdings.set(resource, held);
  return held;
}

function assume(type: TypeState, flight: Flight, except: ReadonlySet<string>): Accepted {
  const resources: XdsResource[] = [];
  const removed: string[] = [];
  for (const [name, { item }] of flight.items) {
    if (except.has(name)) continue;
    if (item.kind === 'set') resources.push(item.resource);
    else removed.push(name);
    if (!covers(type, name)) {
      type.held.delete(name);
      continue;
    }
    if (item.kind === 'set') {
      type.held.set(name, heldOf(item.resource));
    } else if (type.subscription.names.has(name)) {
      type.held.set(name, { version: undefined, isDoubtful: false });
    } else type.held.delete(name);
  }
  return { resources, removed };
}

/** What came out of a NACK. */
export interface Rejection {
  /** The resources that it may be about. */
  readonly candidates: readonly XdsResource[];
  /** True: exactly these were refused, and they are parked. */
  readonly isCertain: boolean;
  /** What is in force although its response was refused. */
  readonly accepted: Accepted;
}

const nothingAccepted: Accepted = { resources: [], removed: [] };

/**
 * Takes note that the client refused `flight`. A resource that is certainly meant is parked. When
 * several may be meant, all are put back, to be sent apart until the bad one stands alone.
 */
export function reject(type: TypeState, flight: Flight, message: string): Rejection {
  type.acked.nacks += 1;
  const sets = resourcesOf(flight);
  const names = [...sets.keys()];
  const said = blame(message, names);
  const guilty = names.length === 1 ? names : said.isListed ? said.named : [];
  for (const name of guilty) park(type, name, sets, message, flight.generation);
  const candidates = (guilty.length > 0 ? guilty : names).flatMap((name) => sets.get(name) ?? []);
  if (guilty.length > 0 && said.isListed) {
    // Envoy applies the rest of such a response: tried with 1.40, and envoyproxy/envoy#32880.
    const accepted = accept(type, flight, new Set(guilty));
    return { candidates, isCertain: true, accepted };
  }
  putBack(type, flight, new Set(guilty));
  if (guilty.length > 0) return { candidates, isCertain: true, accepted: nothingAccepted };
  for (const name of names) doubt(type, name);
  const gone = [...flight.items.keys()].filter((name) => !sets.has(name));
  pendingOf(type).groups = [
    // Removals first: a virtual host may take over the domain of one that goes.
    ...(gone.length > 0 && names.length > 0 ? [gone] : []),
    ...isolationGroups(names, said.named),
    ...type.pending.groups,
  ];
  return { candidates, isCertain: false, accepted: nothingAccepted };
}

function resourcesOf(flight: Flight): ReadonlyMap<string, XdsResource> {
  const sets = new Map<string, XdsResource>();
  for (const [name, { item }] of flight.items) {
    if (item.kind === 'set') sets.set(name, item.resource);
  }
  return sets;
}

function park(
  type: TypeState,
  name: string,
  sets: ReadonlyMap<string, XdsResource>,
  message: string,
  generation: number,
): void {
  const resource = sets.get(name);
  if (resource === undefined) return;
  if (type.parked === noneParked) type.parked = new Map();
  type.parked.set(name, { resource, message, generation });
  doubt(type, name);
}

function doubt(type: TypeState, name: string): void {
  const held = type.held.get(name);
  // A refused response may be half applied (envoyproxy/envoy#12592).
  if (held?.version !== undefined) type.held.set(name, { ...held, isDoubtful: true });
}

function putBack(type: TypeState, flight: Flight, except: ReadonlySet<string>): void {
  // A refused removal alone would be refused again.
  if (flight.items.size === 0 || resourcesOf(flight).size === 0) return;
  const now = nowOf(pendingOf(type));
  for (const [name, { item, todo }] of flight.items) {
    if (except.has(name)) continue;
    const waiting = now.get(name);
    const base = waiting ?? todo;
    now.set(name, {
      ...base,
      generation: Math.min(base.generation, todo.generation),
      sinceMs: Math.min(base.sinceMs, todo.sinceMs),
      isForced: base.isForced || item.kind === 'set',
    });
  }
}
