/** What a stream subscribes to of one type: the wildcard and explicit names. Mutable state. */

/** A subscription; starts empty with the stream. */
export interface Subscription {
  /** A first request has been seen. */
  isStarted: boolean;
  isWildcard: boolean;
  /** The wildcard was an empty first request, which an empty list keeps up. */
  isLegacyWildcard: boolean;
  readonly names: Set<string>;
}

/** What one request changed. */
export interface SubscriptionChange {
  /** Names that want an answer, also those that were subscribed to already. */
  readonly asked: readonly string[];
  /** Of these, the names that are new. */
  readonly added: readonly string[];
  /** Names no longer asked for explicitly. */
  readonly dropped: readonly string[];
  readonly wildcard: 'started' | 'stopped' | 'same';
  /** How many new names the bound has refused. */
  readonly refusedCount: number;
}

const everything = '*';

/** A subscription to nothing. */
export function createSubscription(): Subscription {
  return { isStarted: false, isWildcard: false, isLegacyWildcard: false, names: new Set() };
}

/**
 * Applies a delta request. An empty first request is a wildcard; a name subscribed to again is
 * asked for again; an unsubscription of what was never subscribed to is ignored
 * (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol, "Subscribing to resources").
 */
export function applyDeltaRequest(
  subscription: Subscription,
  request: { readonly subscribe: readonly string[]; readonly unsubscribe: readonly string[] },
  maxNames: number,
): SubscriptionChange {
  const wasWildcard = subscription.isWildcard;
  const dropped: string[] = [];
  for (const name of request.unsubscribe) {
    if (name === everything) subscription.isWildcard = false;
    else if (subscription.names.delete(name)) dropped.push(name);
  }
  if (!subscription.isStarted && request.subscribe.length === 0) {
    subscription.isWildcard = true;
    subscription.isLegacyWildcard = true;
  }
  subscription.isStarted = true;
  if (request.subscribe.includes(everything)) subscription.isWildcard = true;
  const taken = addNames(subscription, request.subscribe, maxNames);
  return {
    ...taken,
    dropped: dropped.filter((name) => !subscription.names.has(name)),
    wildcard: wildcardChange(wasWildcard, subscription.isWildcard),
  };
}

/**
 * Applies a state-of-the-world request, which lists all names. An empty list is a wildcard until
 * the stream has named something, and from then on the end of the subscription.
 */
export function applySotwRequest(
  subscription: Subscription,
  names: readonly string[],
  maxNames: number,
): SubscriptionChange {
  const wasWildcard = subscription.isWildcard;
  const before = new Set(subscription.names);
  if (names.length === 0) {
    subscription.isLegacyWildcard ||= !subscription.isStarted;
    subscription.isWildcard = subscription.isLegacyWildcard;
  } else {
    subscription.isLegacyWildcard = false;
    subscription.isWildcard = names.includes(everything);
  }
  subscription.isStarted = true;
  const wanted = new Set(names);
  const dropped = [...before].filter((name) => !wanted.has(name));
  for (const name of dropped) subscription.names.delete(name);
  const fresh = names.filter((name) => !before.has(name));
  return {
    ...addNames(subscription, fresh, maxNames),
    dropped,
    wildcard: wildcardChange(wasWildcard, subscription.isWildcard),
  };
}

function addNames(
  subscription: Subscription,
  names: readonly string[],
  maxNames: number,
): Pick<SubscriptionChange, 'asked' | 'added' | 'refusedCount'> {
  const asked = new Set<string>();
  const added: string[] = [];
  let refusedCount = 0;
  for (const name of names) {
    if (name === everything) continue;
    if (!subscription.names.has(name)) {
      if (subscription.names.size >= maxNames) {
        refusedCount += 1;
        continue;
      }
      subscription.names.add(name);
      added.push(name);
    }
    asked.add(name);
  }
  return { asked: [...asked], added, refusedCount };
}

function wildcardChange(before: boolean, after: boolean): SubscriptionChange['wildcard'] {
  if (before === after) return 'same';
  return after ? 'started' : 'stopped';
}
