/** Has a real Envoy load what each kind of sidecar would be sent, and names the object behind each refusal. */
import { createHash } from 'node:crypto';
import { relative } from 'node:path';
import {
  namespaceOf,
  nameOf,
  type Diagnostic,
  type ObjectRef,
  type PodKey,
  type PolicyKey,
  type RefusedPolicy,
  type TrafficPolicy,
} from '../../model/index.js';
import { fieldKey, findFields, type SourceChange } from '../../sources/index.js';
import type { Pipeline } from '../../translators/index.js';
import { createOfflinePipeline, toPipelineChanges, type MeshFlags } from '../offline.js';
import { loadInEnvoy } from './load.js';
import { standInsFor } from './stand-ins.js';

/** What an Envoy says of a directory. */
export interface EnvoyVerdict {
  readonly diagnostics: readonly Diagnostic[];
  /** Sidecars whose configuration was judged, and how many differ in it. */
  readonly sidecars: number;
  readonly kinds: number;
}

type Policy = TrafficPolicy | RefusedPolicy;

/** One refusal, and the policy without which there is none. */
interface Refusal {
  readonly pod: PodKey;
  readonly message: string;
  readonly policy?: PolicyKey;
}

/** Judges the objects of `directory`, read as `changes`, with the Envoy at `binary`. */
export async function checkWithEnvoy(
  changes: readonly SourceChange[],
  directory: string,
  flags: MeshFlags,
  binary: string,
): Promise<EnvoyVerdict> {
  const pipeline = createOfflinePipeline(flags, 'eager');
  pipeline.apply(toPipelineChanges(changes));
  pipeline.apply(standInsFor(changes));
  const mesh = createTrialMesh(pipeline, changes, binary);
  const pods = [...pipeline.workloads().values()].map(({ pod }) => pod).sort();
  const kinds = new Set(pods.map((pod) => mesh.kindOf(pod))).size;
  const refusals: Refusal[] = [];
  for (const pod of pods) refusals.push(...(await judgeSidecar(pod, mesh)));
  return {
    diagnostics: await toDiagnostics(refusals, directory),
    sidecars: pods.length,
    kinds,
  };
}

/** A mesh whose policies can be taken out and put back. Mutable state. */
interface TrialMesh {
  /** The policies in force that have not been withheld. */
  candidates(): readonly PolicyKey[];
  /** Equal for sidecars that are sent the same. */
  kindOf(pod: PodKey): string;
  /** What Envoy says of a sidecar's configuration with these policies in force and no other. */
  load(pod: PodKey, policies: readonly PolicyKey[]): Promise<string | undefined>;
  /** The policy is out for good, so that it hides no other refusal. */
  withhold(policy: PolicyKey): void;
}

function createTrialMesh(
  pipeline: Pipeline,
  changes: readonly SourceChange[],
  binary: string,
): TrialMesh {
  const policies = new Map<PolicyKey, Policy>();
  for (const { value } of changes) {
    if (value?.kind === 'TrafficPolicy' || value?.kind === 'RefusedPolicy') {
      policies.set(value.key, value);
    }
  }
  const inForce = new Set(policies.keys());
  const known = new Map<string, string | undefined>();

  const putInForce = (wanted: ReadonlySet<PolicyKey>): void => {
    const changed = [...policies].filter(([key]) => inForce.has(key) !== wanted.has(key));
    if (changed.length === 0) return;
    pipeline.apply({
      policies: new Map(changed.map(([key, value]) => [key, wanted.has(key) ? value : undefined])),
    });
    for (const [key] of changed) {
      if (wanted.has(key)) inForce.add(key);
      else inForce.delete(key);
    }
  };
  const withheld = new Set<PolicyKey>();
  const kindOf = (pod: PodKey): string => {
    const parts = pipeline
      .resources(pod)
      .map(({ typeUrl, name, resource }) => `${typeUrl} ${name} ${resource?.version ?? ''}`);
    return createHash('sha256').update(parts.sort().join('\n')).digest('base64');
  };
  return {
    candidates: () => [...policies.keys()].filter((key) => !withheld.has(key)).sort(),
    kindOf,
    async load(pod, wanted): Promise<string | undefined> {
      putInForce(new Set(wanted));
      const kind = kindOf(pod);
      if (!known.has(kind)) known.set(kind, await loadInEnvoy(binary, pipeline.resources(pod)));
      return known.get(kind);
    },
    withhold: (policy) => withheld.add(policy),
  };
}

/** Every policy that makes Envoy refuse this sidecar's configuration, one after the other. */
async function judgeSidecar(pod: PodKey, mesh: TrialMesh): Promise<readonly Refusal[]> {
  const found: Refusal[] = [];
  for (;;) {
    const refusal = await findRefusal(pod, mesh);
    if (refusal === undefined) return found;
    found.push(refusal);
    if (refusal.policy === undefined) return found;
    mesh.withhold(refusal.policy);
  }
}

/** Halves the policies: the first by name with which those before it are refused, as they are not without. */
async function findRefusal(pod: PodKey, mesh: TrialMesh): Promise<Refusal | undefined> {
  const candidates = mesh.candidates();
  const whole = await mesh.load(pod, candidates);
  if (whole === undefined) return undefined;
  const bare = await mesh.load(pod, []);
  if (bare !== undefined) return { pod, message: bare };
  let good = 0;
  let refused = { size: candidates.length, message: whole };
  while (refused.size - good > 1) {
    const size = (good + refused.size) >> 1;
    const message = await mesh.load(pod, candidates.slice(0, size));
    if (message === undefined) good = size;
    else refused = { size, message };
  }
  const policy = candidates[good];
  return { pod, message: refused.message, ...(policy === undefined ? {} : { policy }) };
}

async function toDiagnostics(
  refusals: readonly Refusal[],
  directory: string,
): Promise<readonly Diagnostic[]> {
  const named = refusals.map(({ policy, pod }) => toObject(policy, pod));
  const places = await findFields(
    directory,
    named.map(({ object }) => ({ object })),
  );
  return refusals.map(({ pod, message, policy }) => {
    const { object, ref } = toObject(policy, pod);
    const position = places.get(fieldKey({ object }));
    return {
      code: 'Rejected',
      severity: 'error',
      object: ref,
      message: `Envoy refuses what the sidecar of ${pod} would be sent: ${message}`,
      remedy:
        policy === undefined
          ? 'no policy is the cause: compare the objects that Envoy’s message speaks of with those of a mesh that works'
          : 'change the field that Envoy’s message speaks of; applied as it is, sidecars would refuse it and keep its last good form',
      // As the findings of the parser name it.
      ...(position === undefined
        ? {}
        : { position: { ...position, file: relative(directory, position.file) } }),
    };
  });
}

/** The object to look at, as a reference and as origins name it. */
function toObject(
  policy: PolicyKey | undefined,
  pod: PodKey,
): { readonly object: string; readonly ref: ObjectRef } {
  const kind = policy === undefined ? 'Pod' : 'TrafficPolicy';
  const group = policy === undefined ? '' : 'skerry.dev';
  const key = policy ?? pod;
  return {
    object: `${kind} ${key}`,
    ref: { group, kind, namespace: namespaceOf(key), name: nameOf(key) },
  };
}
