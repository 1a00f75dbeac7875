/** What one replica says of the sidecars it serves, and how that is written down. */
import { z } from 'zod';
import { podKey, policyKey, type PodKey, type PolicyKey } from '../../../model/index.js';
import { mostFrequent, type WouldDeny } from '../../would-deny.js';
import { fromPodNames, toPodNames } from './pod-names.js';

/** Sidecars that have refused one form of a policy. */
export interface Refusal {
  /** Of the spec that was refused. */
  readonly hash: string;
  /** Who was first, and in which words. */
  readonly first: PodKey;
  readonly message: string;
  readonly pods: ReadonlySet<PodKey>;
}

/**
 * What one replica knows. Generations are its own: they are compared with each other, never with
 * those of another replica.
 */
export interface ReplicaSummary {
  /** Its name. */
  readonly replica: string;
  /** The resourceVersion of the newest TrafficPolicy that its configuration follows; empty: of none. */
  readonly policiesVersion: string;
  /** Sidecars with a stream to it. */
  readonly served: ReadonlySet<PodKey>;
  /** Served sidecars on which not everything is in force → the generation up to which all is; -1: nothing. */
  readonly behind: ReadonlyMap<PodKey, number>;
  /** Policies → the generation that changed them last, where somebody behind has not come so far; else absent. */
  readonly changed: ReadonlyMap<PolicyKey, number>;
  readonly refused: ReadonlyMap<PolicyKey, Refusal>;
  /** Since it has begun to count. */
  readonly wouldDeny: ReadonlyMap<PolicyKey, WouldDeny>;
}

/** Whether `pod` is behind with `policy`, by what its replica says. */
export function isBehind(summary: ReplicaSummary, pod: PodKey, policy: PolicyKey): boolean {
  const inForce = summary.behind.get(pod);
  return inForce !== undefined && inForce < (summary.changed.get(policy) ?? 0);
}

/** Pods named for one refusal; all of a large mesh may say no at once. */
const maxRefusing = 1_000;
const maxMessage = 1_000;
/** Policies that are audited at once and have something to tell, and callers of each. */
const maxAudited = 200;
const maxCallers = 20;

const podNames = z.record(z.string(), z.record(z.string(), z.string()));
const key = z.string().regex(/^[^/\s]+\/[^/\s]+$/);

const textSchema = z.object({
  replica: z.string(),
  policiesVersion: z.string(),
  served: podNames,
  behind: z.array(z.tuple([z.int(), podNames])),
  changed: z.record(key, z.int()),
  refused: z.record(
    key,
    z.object({ hash: z.string(), first: key, message: z.string(), pods: podNames }),
  ),
  // A replica of an older version says nothing of it.
  wouldDeny: z
    .record(
      key,
      z.object({ hash: z.string(), count: z.int(), callers: z.record(z.string(), z.int()) }),
    )
    .default({}),
});

/** The summary as text. */
export function writeSummary(summary: ReplicaSummary): string {
  const byGeneration = new Map<number, PodKey[]>();
  for (const [pod, generation] of summary.behind) {
    const pods = byGeneration.get(generation);
    if (pods === undefined) byGeneration.set(generation, [pod]);
    else pods.push(pod);
  }
  const { replica, policiesVersion } = summary;
  const text: z.infer<typeof textSchema> = {
    ...{ replica, policiesVersion, served: toPodNames(summary.served) },
    behind: [...byGeneration]
      .sort(([a], [b]) => a - b)
      .map(([generation, pods]) => [generation, toPodNames(pods)]),
    changed: Object.fromEntries([...summary.changed].sort(byKey)),
    refused: Object.fromEntries(
      [...summary.refused].sort(byKey).map(([policy, { hash, first, message, pods }]) => [
        policy,
        {
          ...{ hash, first, message: message.slice(0, maxMessage) },
          pods: toPodNames([...pods].sort().slice(0, maxRefusing)),
        },
      ]),
    ),
    wouldDeny: Object.fromEntries(
      [...summary.wouldDeny]
        .sort(([, a], [, b]) => b.count - a.count)
        .slice(0, maxAudited)
        .sort(byKey)
        .map(([policy, { hash, count, callers }]) => [
          policy,
          { hash, count, callers: Object.fromEntries(mostFrequent(callers, maxCallers)) },
        ]),
    ),
  };
  return JSON.stringify(text);
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

/** The inverse of {@link writeSummary}; undefined for any other text. */
export function readSummary(text: string): ReplicaSummary | undefined {
  const parsed = textSchema.safeParse(parseJson(text));
  if (!parsed.success) return undefined;
  const { replica, policiesVersion, served, behind, changed, refused, wouldDeny } = parsed.data;
  return {
    ...{ replica, policiesVersion, served: new Set(fromPodNames(served)) },
    behind: new Map(
      behind.flatMap(([generation, pods]) =>
        fromPodNames(pods).map((pod): [PodKey, number] => [pod, generation]),
      ),
    ),
    changed: new Map(Object.entries(changed).map(([policy, at]) => [toPolicyKey(policy), at])),
    refused: new Map(
      Object.entries(refused).map(([policy, { hash, first, message, pods }]) => [
        toPolicyKey(policy),
        { hash, message, first: toPodKey(first), pods: new Set(fromPodNames(pods)) },
      ]),
    ),
    wouldDeny: new Map(
      Object.entries(wouldDeny).map(([policy, { hash, count, callers }]) => [
        toPolicyKey(policy),
        { hash, count, callers: new Map(Object.entries(callers)) },
      ]),
    ),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function toPolicyKey(text: string): PolicyKey {
  const [namespace = '', name = ''] = text.split('/');
  return policyKey(namespace, name);
}

function toPodKey(text: string): PodKey {
  const [namespace = '', name = ''] = text.split('/');
  return podKey(namespace, name);
}
