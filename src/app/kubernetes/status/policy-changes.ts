/** In which generation each policy last changed what some sidecar is given. Mutable state. */
import type { PolicyKey } from '../../../model/index.js';
import type { ResourceChange } from '../../../xds/index.js';
import type { TurnNews } from '../../news.js';
import { policiesOf } from '../../policy-origins.js';

/** What a turn has led to. */
export interface TurnChanges {
  readonly policies: ReadonlySet<PolicyKey>;
  /** Scopes whose sidecars have to follow. */
  readonly scopes: ReadonlySet<string>;
}

/** The table. */
export interface PolicyChanges {
  /** Takes in what a turn has led to. */
  take(turn: Pick<TurnNews, 'generation' | 'policies' | 'resources'>): TurnChanges;
  /** Policies → generation of their last change; goes on changing. */
  readonly all: ReadonlyMap<PolicyKey, number>;
  /** The newest generation in which any policy changed. */
  newest(): number;
  /** Policies changed after `generation`. */
  since(generation: number): ReadonlyMap<PolicyKey, number>;
}

const nothing: ReadonlyMap<PolicyKey, string> = new Map();

/**
 * A table of nothing. `hashInForce`: of the form in force; undefined: there is no such policy.
 *
 * A policy changes when its form in force does, and when it begins or ceases to have a part in a
 * resource. What other objects change in a resource that it has a part in is no change of its own.
 */
export function createPolicyChanges(
  hashInForce: (policy: PolicyKey) => string | undefined,
): PolicyChanges {
  const changedAt = new Map<PolicyKey, number>();
  const hashes = new Map<PolicyKey, string>();
  /** By scope, type and name: the policies in it, with their hashes. */
  const partsOf = new Map<string, ReadonlyMap<PolicyKey, string>>();
  let newest = 0;

  const takePart = ({ scope, typeUrl, name, resource }: ResourceChange): readonly PolicyKey[] => {
    const place = `${scope} ${typeUrl} ${name}`;
    const former = partsOf.get(place) ?? nothing;
    const origins = resource === undefined ? [] : policiesOf(resource);
    if (former.size === 0 && origins.length === 0) return [];
    const parts = new Map(origins.map(({ key, hash }) => [key, hash]));
    if (parts.size === 0) partsOf.delete(place);
    else partsOf.set(place, parts);
    const either = new Set([...former.keys(), ...parts.keys()]);
    return [...either].filter((policy) => former.get(policy) !== parts.get(policy));
  };
  const takeForm = (policy: PolicyKey): boolean => {
    const hash = hashInForce(policy);
    if (hashes.get(policy) === hash) return false;
    if (hash === undefined) hashes.delete(policy);
    else hashes.set(policy, hash);
    return true;
  };

  return {
    take({ generation, policies, resources }): TurnChanges {
      const changed = new Set(policies.filter(takeForm));
      const scopes = new Set<string>();
      for (const resource of resources) {
        const touched = takePart(resource);
        for (const policy of touched) changed.add(policy);
        if (touched.length > 0) scopes.add(resource.scope);
      }
      for (const policy of changed) {
        // Of one that is gone nobody asks any more.
        if (hashes.has(policy)) changedAt.set(policy, generation);
        else changedAt.delete(policy);
      }
      if (scopes.size > 0) newest = generation;
      return { policies: changed, scopes };
    },
    all: changedAt,
    newest: () => newest,
    since: (generation) => new Map([...changedAt].filter(([, at]) => at > generation)),
  };
}
