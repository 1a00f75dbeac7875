/** The TrafficPolicies as the API server has them: what a status is about, and the status they carry. Mutable state. */
import { z } from 'zod';
import type { Diagnostic, PolicyKey, RefusedPolicy, TrafficPolicy } from '../../../model/index.js';
import { policyKey } from '../../../model/index.js';
import type { ParsedObject } from '../../../sources/index.js';
import { describeMode, describeTargets } from './describe-targets.js';
import { saysTheSame, statusSchema, type PolicyStatus } from './policy-status.js';

/** One of them. */
export interface PolicyObject {
  readonly key: PolicyKey;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  /** The version in which this generation was first seen; what has been read up to it knows the generation. */
  readonly specVersion: string;
  readonly resourceVersion: string;
  /** For people. */
  readonly target: string;
  readonly mode: string;
  /** Undefined: none, or one that is not ours. */
  readonly status: PolicyStatus | undefined;
  /** Whether the spec was understood. */
  readonly isGood: boolean;
  /** What reading it has found. */
  readonly diagnostics: readonly Diagnostic[];
  /** What became of it in the rows of the source, unless an older form was kept. */
  readonly form: TrafficPolicy | RefusedPolicy | undefined;
}

/** What is new of an object: there is another, or it says something else; only its status; or it is gone. */
export type PolicyNews = 'spec' | 'status' | 'gone';

/** The table. */
export interface PolicyObjects {
  /** Takes in one (undefined: gone); undefined where nothing is new. */
  take(key: PolicyKey, object: unknown, parsed: ParsedObject | undefined): PolicyNews | undefined;
  get(key: PolicyKey): PolicyObject | undefined;
  keys(): readonly PolicyKey[];
  /** What a write has answered; an older event that comes later does not undo it. */
  written(object: unknown): void;
  /** The newest version that has been taken in; empty: none. */
  version(): string;
}

const objectSchema = z.object({
  metadata: z.object({
    name: z.string(),
    namespace: z.string(),
    uid: z.string(),
    generation: z.number(),
    resourceVersion: z.string(),
  }),
  spec: z.unknown(),
  status: statusSchema.optional().catch(undefined),
});

type Seen = z.infer<typeof objectSchema>;

/**
 * Whether `a` is at least as new as `b`: versions of one collection are whole numbers that grow
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions).
 */
export function isAtLeast(a: string, b: string): boolean {
  if (a.length !== b.length) return a.length > b.length;
  return a >= b;
}

function formOf(parsed: ParsedObject | undefined): PolicyObject['form'] {
  if (parsed?.kind !== 'ours' || parsed.outcome.kind === 'nothing') return undefined;
  const { row } = parsed.outcome;
  return row?.collection === 'policies' ? row.value : undefined;
}

/** A table of nothing. */
export function createPolicyObjects(): PolicyObjects {
  const objects = new Map<PolicyKey, PolicyObject>();
  let version = '';

  const merge = (
    seen: Seen,
    read: Pick<PolicyObject, 'isGood' | 'diagnostics' | 'form'>,
  ): PolicyObject => {
    const { namespace, name, uid, generation, resourceVersion } = seen.metadata;
    const key = policyKey(namespace, name);
    const former = objects.get(key);
    const isSame = former?.uid === uid && former.generation === generation;
    return {
      ...{ key, namespace, name, uid, generation, resourceVersion },
      specVersion: isSame ? former.specVersion : resourceVersion,
      target: isSame ? former.target : describeTargets(seen.spec),
      mode: isSame ? former.mode : describeMode(seen.spec),
      status: seen.status,
      ...read,
    };
  };

  return {
    take(key, object, parsed): PolicyNews | undefined {
      if (object === undefined) return objects.delete(key) ? 'gone' : undefined;
      const seen = objectSchema.safeParse(object);
      if (!seen.success) return undefined;
      const { resourceVersion, uid, generation } = seen.data.metadata;
      if (isAtLeast(resourceVersion, version)) version = resourceVersion;
      const isGood = parsed?.kind === 'ours' && parsed.outcome.kind === 'good';
      const diagnostics =
        parsed === undefined || parsed.kind === 'foreign' ? [] : parsed.diagnostics;
      const next = merge(seen.data, { isGood, diagnostics, form: formOf(parsed) });
      const former = objects.get(key);
      // The echo of what stood there before our own write.
      const isOlder = former?.uid === uid && !isAtLeast(resourceVersion, former.resourceVersion);
      const now = isOlder ? { ...next, ...keptBy(former) } : next;
      objects.set(key, now);
      if (former?.uid !== uid || former.generation !== generation) return 'spec';
      return now.status !== undefined && saysTheSame(former.status, now.status)
        ? undefined
        : 'status';
    },
    get: (key) => objects.get(key),
    keys: () => [...objects.keys()],
    written(object): void {
      const seen = objectSchema.safeParse(object);
      if (!seen.success) return;
      const { namespace, name, uid, resourceVersion } = seen.data.metadata;
      const former = objects.get(policyKey(namespace, name));
      if (former?.uid !== uid || !isAtLeast(resourceVersion, former.resourceVersion)) return;
      objects.set(former.key, { ...former, resourceVersion, status: seen.data.status });
    },
    version: () => version,
  };
}

function keptBy({ status, resourceVersion }: PolicyObject): Partial<PolicyObject> {
  return { status, resourceVersion };
}
