/** The sidecars that this replica serves: on which of them everything is in force, and who refused what. Mutable state. */
import type { Clock } from '../../../lib/index.js';
import { namespaceOf, podKey, type PodKey, type PolicyKey } from '../../../model/index.js';
import { defaultDrainSeconds } from '../../../sidecar/index.js';
import type { StreamStanding } from '../../../xds/index.js';
import type { StreamNews, TurnNews } from '../../news.js';
import type { Core } from '../../platform.js';
import { policiesOf } from '../../policy-origins.js';
import { createPolicyChanges } from './policy-changes.js';
import type { Refusal, ReplicaSummary } from './summary.js';

/** What it looks at. */
export interface OwnSidecarsOptions {
  readonly core: Pick<Core, 'policies' | 'standing' | 'rejections' | 'wouldDeny'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly replica: string;
}

/** The sidecars of this replica. */
export interface OwnSidecars {
  /** Returns the policies that have changed what some sidecar is given. */
  onTurn(turn: Pick<TurnNews, 'generation' | 'policies' | 'resources'>): ReadonlySet<PolicyKey>;
  /** Returns whether it is worth looking soon. */
  onStream(news: StreamNews): boolean;
  /**
   * Asks those that are behind how far they have come; returns whether anything is different from
   * the last time.
   */
  look(): boolean;
  /** Whether some sidecar is behind, so that it is worth looking again soon. */
  isWaiting(): boolean;
  /** What is known now, for this process: it goes on changing, and of versions it says nothing. */
  readonly live: ReplicaSummary;
  /** What is known by the last look, for others; `policiesVersion` as in {@link ReplicaSummary}. */
  summary(policiesVersion: string): ReplicaSummary;
}

/** Connections under a replaced listener end within this, measured from the sidecar's ACK. */
export const drainMs = defaultDrainSeconds * 1000 + 500;

/** Nothing is in force yet. */
const nothing = -1;

interface Served {
  /** Open streams, the newest last: a sidecar that reconnects may leave an old one behind. */
  readonly streams: readonly string[];
  /** Whether the newest has had all that is pushed to it. */
  readonly isComplete: boolean;
}

/** A proxy is known by its pod's key (app/ads.ts); a key that is put together anew has to be hashed anew. */
function podOf(proxyId: string): PodKey {
  return proxyId as PodKey;
}

/** Nobody is served yet. */
export function createOwnSidecars(options: OwnSidecarsOptions): OwnSidecars {
  const { core, clock, replica } = options;
  const { policies } = core;
  const changes = createPolicyChanges((policy) => policies.inForce(policy)?.hash);
  const served = new Map<PodKey, Served>();
  const servedPods = new Set<PodKey>();
  const byNamespace = new Map<string, Set<PodKey>>();
  const behind = new Map<PodKey, number>();
  /** Pods that have refused something, for as long as it matters. */
  const refusing = new Set<PodKey>();
  let refused: ReadonlyMap<PolicyKey, Refusal> = new Map();
  let isChanged = false;

  const podsIn = (scope: string): Iterable<PodKey> => {
    if (scope === 'mesh') return served.keys();
    const [kind, namespace = '', name = ''] = scope.split('/');
    // A few too many are asked again how far they are.
    if (kind === 'zone') return name === '' ? served.keys() : (byNamespace.get(name) ?? []);
    if (kind === 'namespace') return byNamespace.get(namespace) ?? [];
    return kind === 'pod' ? [podKey(namespace, name)] : [];
  };
  const standingOf = (pod: PodKey): StreamStanding | undefined => {
    const stream = served.get(pod)?.streams.at(-1);
    return stream === undefined ? undefined : core.standing(stream);
  };

  const opened = (pod: PodKey, stream: string): void => {
    const streams = [...(served.get(pod)?.streams ?? []), stream];
    served.set(pod, { streams, isComplete: false });
    servedPods.add(pod);
    const namespace = namespaceOf(pod);
    byNamespace.set(namespace, (byNamespace.get(namespace) ?? new Set<PodKey>()).add(pod));
    behind.set(pod, nothing);
    isChanged = true;
  };
  const closed = (pod: PodKey, stream: string): void => {
    const known = served.get(pod);
    if (known === undefined) return;
    const streams = known.streams.filter((one) => one !== stream);
    isChanged = true;
    if (streams.length > 0) {
      const isNewest = known.streams.at(-1) === stream;
      served.set(pod, { streams, isComplete: known.isComplete && !isNewest });
      if (isNewest) behind.set(pod, nothing);
      return;
    }
    served.delete(pod);
    servedPods.delete(pod);
    behind.delete(pod);
    const others = byNamespace.get(namespaceOf(pod));
    others?.delete(pod);
    if (others?.size === 0) byNamespace.delete(namespaceOf(pod));
  };

  /** The generation up to which everything is in force. */
  const inForceOn = (pod: PodKey, known: Served): number => {
    const standing = standingOf(pod);
    if (standing === undefined) return nothing;
    if (!known.isComplete) {
      if (!standing.isComplete()) return nothing;
      served.set(pod, { ...known, isComplete: true });
    }
    const now = clock.now();
    let inForce = standing.answeredGeneration;
    for (const { generation, atMs } of standing.replaced) {
      if (now - atMs < drainMs) inForce = Math.min(inForce, generation - 1);
    }
    return inForce;
  };
  const lookAt = (pod: PodKey): void => {
    const known = served.get(pod);
    const inForce = known === undefined ? Infinity : inForceOn(pod, known);
    const former = behind.get(pod);
    if (inForce >= changes.newest()) {
      if (behind.delete(pod)) isChanged = true;
    } else if (former !== inForce) {
      behind.set(pod, inForce);
      isChanged = true;
    }
  };

  /** What a sidecar has refused of the newest forms, with its words. */
  const refusalsOf = (pod: PodKey): ReadonlyMap<PolicyKey, { hash: string; message: string }> => {
    const found = new Map<PolicyKey, { hash: string; message: string }>();
    for (const { resource, message } of core.rejections(pod)) {
      for (const { key, hash } of policiesOf(resource)) {
        if (policies.isRefused(key, hash)) found.set(key, { hash, message });
      }
    }
    // Nobody is condemned for these: of what stands in them, only what is new to this sidecar counts.
    for (const { resource, held, message } of standingOf(pod)?.refused ?? []) {
      const before = held === undefined ? [] : policiesOf(held);
      for (const { key, hash } of policiesOf(resource)) {
        const isOld = before.some((one) => one.key === key && one.hash === hash);
        if (!isOld && policies.newest(key)?.hash === hash) found.set(key, { hash, message });
      }
    }
    return found;
  };
  const gatherRefusals = (): void => {
    if (refusing.size === 0 && refused.size === 0) return;
    const next = new Map<PolicyKey, Refusal & { readonly pods: Set<PodKey> }>();
    for (const pod of refusing) {
      const own = refusalsOf(pod);
      if (own.size === 0) refusing.delete(pod);
      for (const [policy, { hash, message }] of own) {
        const known = next.get(policy) ?? { hash, message, first: pod, pods: new Set<PodKey>() };
        known.pods.add(pod);
        next.set(policy, known);
      }
    }
    if (isSameRefusals(refused, next)) return;
    refused = next;
    isChanged = true;
  };

  return {
    onTurn(turn): ReadonlySet<PolicyKey> {
      const { scopes, policies: changed } = changes.take(turn);
      for (const scope of scopes) {
        for (const pod of podsIn(scope)) {
          if (served.has(pod) && !behind.has(pod)) behind.set(pod, turn.generation - 1);
        }
      }
      if (changed.size > 0) isChanged = true;
      return changed;
    },
    onStream({ kind, stream }): boolean {
      const pod = podOf(stream.proxyId);
      switch (kind) {
        case 'opened':
          opened(pod, stream.streamId);
          return true;
        case 'closed':
          closed(pod, stream.streamId);
          return true;
        case 'refused':
          refusing.add(pod);
          return true;
        case 'accepted':
          return behind.has(pod) || refusing.has(pod);
      }
    },
    look(): boolean {
      for (const pod of [...behind.keys()]) lookAt(pod);
      gatherRefusals();
      const was = isChanged;
      isChanged = false;
      return was;
    },
    isWaiting: () => behind.size > 0,
    live: {
      ...{ replica, policiesVersion: '', behind, changed: changes.all, served: servedPods },
      get refused() {
        return refused;
      },
      get wouldDeny() {
        return core.wouldDeny();
      },
    },
    summary(policiesVersion): ReplicaSummary {
      const reached = [...behind.values()].filter((generation) => generation > nothing);
      return {
        ...{ replica, policiesVersion, refused, wouldDeny: core.wouldDeny() },
        served: new Set(servedPods),
        behind: new Map(behind),
        changed: reached.length === 0 ? new Map() : changes.since(Math.min(...reached)),
      };
    },
  };
}

function isSameRefusals(
  a: ReadonlyMap<PolicyKey, Refusal>,
  b: ReadonlyMap<PolicyKey, Refusal>,
): boolean {
  if (a.size !== b.size) return false;
  return [...a].every(([policy, { hash, pods }]) => {
    const other = b.get(policy);
    if (other?.hash !== hash || other.pods.size !== pods.size) return false;
    return [...pods].every((pod) => other.pods.has(pod));
  });
}
