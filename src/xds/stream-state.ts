/** The protocol of one stream, delta or state of the world: no I/O, no timers. Mutable state; hot. */
import {
  encodeDiscoveryResponse,
  type DeltaDiscoveryRequest,
  type DiscoveryRequest,
} from '../envoy/index.js';
import type { CacheListener, ScopedView } from './cache.js';
import { holds, noClaims, takeClaims } from './claims.js';
import { compose, composeRemovals, countBodies, type ComposeOptions } from './compose.js';
import { encodeDelta } from './delta.js';
import { merge, promote, type Removal, type Todo } from './pending.js';
import type { XdsResource } from './resource.js';
import { freeRule, type ProtocolRules, type TypeRule } from './rules.js';
import { spellSotw } from './sotw.js';
import { standingOf, type StreamStanding } from './standing.js';
import { inspect, type StreamSnapshot } from './stream-snapshot.js';
import { applyDeltaRequest, applySotwRequest, type SubscriptionChange } from './subscription.js';
import {
  accept,
  covers,
  createTypeState,
  giveUp,
  hasToSay,
  isReplacing,
  letGo,
  letRest,
  noteReplaced,
  pendingOf,
  reject,
  type Accepted,
  type Rejection,
  type Shipped,
  type TypeState,
} from './type-state.js';
import { createWaves } from './wave.js';

/** A response, ready for the wire. */
export interface Outgoing {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly bytes: Uint8Array;
  /** How many resource bodies it carries. */
  readonly bodyCount: number;
}

/** What the outside hears; called in the middle of `receive` and `pump`. */
export interface StateEvents {
  /** A name of a type on demand is asked for, or no longer. */
  onDemand(typeUrl: string, name: string, isWanted: boolean): void;
  /** The client has these, by ACK or, after a reconnect, by its own word. */
  onAck(typeUrl: string, accepted: Accepted): void;
  onNack(typeUrl: string, rejection: Rejection, message: string): void;
  /** Names beyond the bound were left without an answer. */
  onNamesRefused(typeUrl: string, count: number): void;
}

/** One stream. */
export interface StreamState {
  /** Takes a request in; false: it asks for more than a stream may, end it. */
  receiveDelta(request: DeltaDiscoveryRequest): boolean;
  receiveSotw(request: DiscoveryRequest): boolean;
  /** All responses that may go out now. Call it after requests, turns, and now and then. */
  pump(): readonly Outgoing[];
  /** True while something waits for an answer or for another type, so time matters. */
  isWaiting(): boolean;
  /** Ends all watching and takes back all demand. */
  end(): void;
  snapshot(): StreamSnapshot;
  standing(): StreamStanding;
}

/**
 * A stream that has asked for nothing yet.
 *
 * Types that others refer to (`make`) go out as soon as their former response is answered, with
 * the newest contents. Types that refer (`use`) go in waves: see wave.ts. Of each type at most one
 * response is unanswered; what changes meanwhile is merged by name.
 */
export function createStreamState(options: {
  readonly isDelta: boolean;
  readonly rules: ProtocolRules;
  open(listener: CacheListener): ScopedView;
  /** Something changed: `pump` is worth calling. */
  onDirty(): void;
  readonly events: StateEvents;
  now(): number;
}): StreamState {
  const { isDelta, rules, events } = options;
  const types = new Map<string, TypeState>();
  const ordered = new Map(rules.types.map((rule) => [rule.typeUrl, rule]));
  let make: readonly TypeState[] = [];
  let free: readonly TypeState[] = [];
  let claims = 0;
  let flights = 0;
  // Nothing waits to be sent: an ACK, of which there is one for every response, then costs no pump.
  let isQuiet = true;

  const view = options.open({
    changed: (typeUrl, name) => {
      const type = types.get(typeUrl);
      if (type !== undefined) mark(type, name, false);
    },
    turn: () => {
      options.onDirty();
    },
  });
  const waves = createWaves({
    orderWaitMs: rules.orderWaitMs,
    now: () => options.now(),
    generation: () => view.generation(),
    newest: (type, name) => newest(type, name),
  });

  const newest = (type: TypeState, name: string): XdsResource | undefined => {
    const resource = view.get(type.rule.typeUrl, name);
    if (resource === undefined || type.subscription.names.has(name)) return resource;
    return type.subscription.isWildcard && resource.isEager ? resource : undefined;
  };

  const mark = (type: TypeState, name: string, isForced: boolean): void => {
    const generation = view.generation();
    isQuiet = false;
    merge(pendingOf(type), name, { generation, sinceMs: options.now(), isForced });
  };

  const typeOf = (typeUrl: string): TypeState | undefined => {
    const known = types.get(typeUrl);
    if (known !== undefined) return known;
    if (types.size >= rules.maxTypes) return undefined;
    const type = createTypeState(ordered.get(typeUrl) ?? freeRule(typeUrl));
    types.set(typeUrl, type);
    const byPhase = (phase: TypeRule['phase']): readonly TypeState[] =>
      rules.types.flatMap((rule) => (rule.phase === phase ? (types.get(rule.typeUrl) ?? []) : []));
    make = byPhase('make');
    waves.setTypes(make, byPhase('use'));
    free = [...types.values()].filter(({ rule }) => rule.phase === 'free');
    return type;
  };

  const shared = (typeUrl: string, names: readonly string[]): readonly string[] =>
    names.map((name) => view.shared(typeUrl, name));

  /** How many names a type may have, as long as the other types have theirs. */
  const maxNamesOf = ({ subscription }: TypeState): number => {
    let left = rules.maxStreamNames + subscription.names.size;
    for (const other of types.values()) left -= other.subscription.names.size;
    return Math.min(left, rules.maxNames);
  };

  const follow = (
    type: TypeState,
    change: SubscriptionChange,
    initialVersions: ReadonlyMap<string, string>,
  ): void => {
    const { typeUrl, isDemand } = type.rule;
    const confirmed = takeClaims(type, initialVersions, {
      shared: (name) => view.shared(typeUrl, name),
      newest: (name) => newest(type, name),
      settle: (name) => {
        mark(type, name, false);
      },
    });
    if (confirmed.length > 0) events.onAck(typeUrl, { resources: confirmed, removed: [] });
    for (const name of change.dropped) {
      view.unwatchName(typeUrl, name);
      if (isDemand) events.onDemand(typeUrl, name, false);
      // What the wildcard still covers has to be said again.
      if (type.subscription.isWildcard) mark(type, name, true);
      else letGo(type, name);
    }
    if (change.wildcard === 'started') startWildcard(type, initialVersions.size === 0);
    if (change.wildcard === 'stopped') stopWildcard(type);
    for (const name of change.added) {
      view.watchName(typeUrl, name);
      if (isDemand) events.onDemand(typeUrl, name, true);
    }
    for (const name of change.asked) {
      const isForced = !initialVersions.has(name) || isAwaited(type, name);
      if (isForced || !holds(type, name, newest(type, name))) mark(type, name, isForced);
    }
    if (change.refusedCount > 0) events.onNamesRefused(typeUrl, change.refusedCount);
  };

  /** What refers to `name` is on its way, and the client withholds its answer until this follows. */
  const isAwaited = (type: TypeState, name: string): boolean =>
    rules.reassert.some(
      ({ whenSent, resend }) =>
        resend === type.rule.typeUrl && types.get(whenSent)?.inFlight?.items.has(name) === true,
    );

  const startWildcard = (type: TypeState, owesAnswer: boolean): void => {
    view.watchWildcard(type.rule.typeUrl);
    type.owesAnswer = owesAnswer;
    for (const [name, resource] of view.eager(type.rule.typeUrl)) {
      if (!holds(type, name, resource)) mark(type, name, false);
    }
  };

  const stopWildcard = (type: TypeState): void => {
    view.unwatchWildcard(type.rule.typeUrl);
    type.owesAnswer = false;
    for (const name of [...type.held.keys(), ...type.pending.removals.keys()]) {
      if (!type.subscription.names.has(name)) letGo(type, name);
    }
  };

  const answer = (type: TypeState, nonce: string, refusal: string | undefined): void => {
    const { typeUrl } = type.rule;
    if (nonce === '') return;
    const isLate = type.lost?.nonce === nonce;
    const flight = isLate ? type.lost : type.inFlight;
    if (flight?.nonce !== nonce) return;
    if (isLate) type.lost = undefined;
    else land(type);
    if (isReplacing(type, flight)) noteReplaced(type, flight, options.now());
    if (refusal === undefined) {
      type.acked.atMs = options.now();
      // What was sent after a late one may be newer than what it brought.
      if (!isLate) events.onAck(typeUrl, accept(type, flight));
      return;
    }
    const rejection = reject(type, flight, refusal);
    if (rejection.accepted.resources.length > 0) events.onAck(typeUrl, rejection.accepted);
    events.onNack(typeUrl, rejection, refusal);
  };

  const land = (type: TypeState): void => {
    type.inFlight = undefined;
    flights -= 1;
  };

  /** Endpoints of a cluster that itself waits to be sent come after it, within bounds. */
  const isHeldBack = (type: TypeState, name: string, todo: Todo): boolean => {
    if (options.now() - todo.sinceMs >= rules.orderWaitMs) return false;
    return rules.reassert.some(({ whenSent, resend }) => {
      if (resend !== type.rule.typeUrl) return false;
      const earlier = types.get(whenSent)?.pending;
      return earlier?.now.has(name) === true || earlier?.next.has(name) === true;
    });
  };

  // Found to be held while a response was composed.
  let confirmed: XdsResource[] = [];
  // Once for the stream: six closures for each response were a tenth of what it left to collect.
  const composing: ComposeOptions = {
    isDelta,
    maxBytes: rules.maxResponseBytes,
    generation: () => view.generation(),
    ...{ newest, isHeldBack, isAwaited },
    vanished: (type) => {
      if (type.rule.phase === 'make') waves.vanished();
    },
    confirm: (resource) => confirmed.push(resource),
  };

  const ship = (
    type: TypeState,
    items: ReadonlyMap<string, Shipped> | undefined,
    out: Outgoing[],
  ): boolean => {
    const { typeUrl } = type.rule;
    if (confirmed.length > 0) {
      const resources = confirmed;
      confirmed = [];
      events.onAck(typeUrl, { resources, removed: [] });
    }
    if (items === undefined) return false;
    const generation = view.generation();
    type.sent.responses += 1;
    type.nonce = String(type.sent.responses);
    const { nonce } = type;
    const sotw = isDelta ? undefined : spellSotw(type, nonce, items);
    const bytes =
      sotw === undefined
        ? encodeDelta({ typeUrl, nonce, generation, items })
        : encodeDiscoveryResponse(sotw);
    const bodyCount = sotw?.resources.length ?? countBodies(items);
    type.sent.bodies += bodyCount;
    type.sent.bytes += bytes.length;
    type.sent.generation = generation;
    type.sent.atMs = options.now();
    let oldest = Infinity;
    for (const { todo } of items.values()) oldest = Math.min(oldest, todo.generation);
    type.inFlight = { nonce, items, sentAtMs: type.sent.atMs, generation, oldest };
    flights += 1;
    reassert(typeUrl, items);
    out.push({ typeUrl, nonce, bytes, bodyCount });
    return true;
  };

  const reassert = (typeUrl: string, items: ReadonlyMap<string, Shipped>): void => {
    for (const { whenSent, resend } of rules.reassert) {
      const follower = types.get(resend);
      if (whenSent !== typeUrl || follower === undefined) continue;
      for (const [name, { item }] of items) {
        if (item.kind === 'set' && covers(follower, name)) mark(follower, name, true);
      }
    }
  };

  /** Whoever still leads to what became empty would fail with the old form too, so it may go earlier. */
  const mayGo = (type: TypeState, name: string, { decidedAt }: Removal): boolean =>
    newest(type, name) === undefined ? waves.mayRemove(decidedAt) : waves.isThrough(decidedAt);

  const dropLost = (): void => {
    if (flights === 0) return;
    for (const type of types.values()) {
      const flight = type.inFlight;
      if (flight === undefined || options.now() - flight.sentAtMs < rules.lostAckMs) continue;
      giveUp(type, flight);
      type.lost = flight;
      land(type);
    }
  };

  const shipNext = (type: TypeState, out: Outgoing[]): boolean =>
    // Asked for every type of every stream, twice a change: nothing is made where nothing waits.
    type.inFlight === undefined && hasToSay(type) && ship(type, compose(type, composing), out);

  const pump = (): readonly Outgoing[] => {
    const out: Outgoing[] = [];
    dropLost();
    if (isQuiet) return out;
    for (const type of make) {
      promote(type.pending);
      shipNext(type, out);
    }
    for (const type of free) {
      promote(type.pending);
      shipNext(type, out);
    }
    waves.advance((type) => shipNext(type, out));
    for (const type of make) {
      if (type.inFlight !== undefined || type.pending.removals.size === 0) continue;
      const gone = composeRemovals(type, composing, (name, removal) => mayGo(type, name, removal));
      ship(type, gone, out);
    }
    isQuiet = letRest(types.values()) && !waves.isActive();
    return out;
  };

  return {
    receiveDelta: (request) => {
      const type = typeOf(request.type_url);
      if (type === undefined) return false;
      const isFirst = !type.subscription.isStarted;
      const { initial_resource_versions: versions } = request;
      // Also where they mean nothing, since they were read.
      claims += versions.size;
      if (claims > rules.maxClaims) return false;
      const { error_detail: refusal, resource_names_unsubscribe: unsubscribe } = request;
      answer(type, request.response_nonce, refusal?.message);
      const subscribe = shared(request.type_url, request.resource_names_subscribe);
      if (isFirst || refusal !== undefined || subscribe.length + unsubscribe.length > 0) {
        isQuiet = false;
        const names = { subscribe, unsubscribe };
        const change = applyDeltaRequest(type.subscription, names, maxNamesOf(type));
        follow(type, change, isFirst ? versions : noClaims);
      }
      if (!isQuiet) options.onDirty();
      return true;
    },
    receiveSotw: (request) => {
      const type = typeOf(request.type_url);
      if (type === undefined) return false;
      // A request that answers an older response than the last says nothing that holds any more.
      const isStale = type.subscription.isStarted && request.response_nonce !== type.nonce;
      if (isStale) return true;
      answer(type, request.response_nonce, request.error_detail?.message);
      isQuiet = false;
      const names = shared(request.type_url, request.resource_names);
      const change = applySotwRequest(type.subscription, names, maxNamesOf(type));
      follow(type, change, noClaims);
      options.onDirty();
      return true;
    },
    pump,
    isWaiting: () => flights > 0 || !isQuiet,
    end: () => {
      view.close([...types].map(([typeUrl, { subscription }]) => [typeUrl, subscription.names]));
      for (const type of types.values()) {
        if (!type.rule.isDemand) continue;
        for (const name of type.subscription.names) {
          events.onDemand(type.rule.typeUrl, name, false);
        }
      }
      types.clear();
      make = [];
      free = [];
      waves.setTypes([], []);
    },
    snapshot: () => inspect(types.values(), view.generation(), options.now()),
    standing: () => standingOf({ types, rules, isDelta, view }),
  };
}
