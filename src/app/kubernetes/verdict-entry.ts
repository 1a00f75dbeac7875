/** One policy's verdict as a ConfigMap holds it: forms are kept as users wrote them and parsed anew when read. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { policyKey, type PolicyKey, type TrafficPolicy } from '../../model/index.js';
import { hashJson, parseObject } from '../../sources/index.js';
import { acceptedKept, mergeJudgements, type PolicyVerdict } from '../effective-policies.js';

/** A form that sidecars have accepted. */
const formSchema = z.object({
  hash: z.string(),
  generation: z.number(),
  object: z.object({
    apiVersion: z.string(),
    kind: z.string(),
    metadata: z.object({
      name: z.string(),
      namespace: z.string(),
      creationTimestamp: z.string().optional(),
    }),
    spec: z.unknown(),
  }),
});

/** Who has said what of a form. */
const answersSchema = z.object({
  accepted: z.record(z.string(), z.array(z.string()).readonly()).readonly(),
  refused: z
    .array(z.object({ identity: z.string(), type: z.string(), message: z.string() }))
    .readonly(),
});

const entrySchema = z.object({
  key: z.string(),
  accepted: z.array(formSchema),
  rejected: z.record(z.string(), z.string()),
  answers: z.record(z.string(), answersSchema).readonly().exactOptional(),
});

const objectSchema = z.object({
  metadata: z.object({
    name: z.string(),
    namespace: z.string(),
    uid: z.string(),
    generation: z.number(),
    creationTimestamp: z.string().optional(),
  }),
  spec: z.unknown(),
});

/** A form as written. */
export type WrittenForm = z.infer<typeof formSchema>;
/** What a ConfigMap's value says. */
export type VerdictEntry = z.infer<typeof entrySchema>;

/** Verdicts share this many ConfigMaps. */
export const shardCount = 64;

const maxDataKey = 253;
const maxMessage = 1_000;
const maxRejected = 8;
const maxEntryBytes = 100_000;

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** The ConfigMap that a policy's verdict is in. */
export function shardOf(key: string): string {
  return `skerry-verdicts-${String((digest(key)[0] ?? 0) % shardCount)}`;
}

/** The key within it: `namespace_name`, which no other policy has, or a hash where that is too long. */
export function dataKeyOf(key: string): string {
  const plain = key.replace('/', '_');
  return plain.length <= maxDataKey ? plain : digest(key).toString('hex');
}

/** The form of an object of the API server; undefined for what has no uid or no generation. */
export function writtenForm(object: unknown): (WrittenForm & { readonly uid: string }) | undefined {
  const parsed = objectSchema.safeParse(object);
  if (!parsed.success) return undefined;
  const { metadata, spec } = parsed.data;
  const { uid, generation, name, namespace, creationTimestamp } = metadata;
  return {
    ...{ uid, generation, hash: hashJson(spec) },
    object: {
      ...{ apiVersion: 'skerry.dev/v1alpha1', kind: 'TrafficPolicy', spec },
      metadata: { name, namespace, ...(creationTimestamp !== undefined && { creationTimestamp }) },
    },
  };
}

/** An entry; undefined where the text is none, or speaks of another policy than its key. */
export function readEntry(dataKey: string, text: string): VerdictEntry | undefined {
  try {
    const parsed = entrySchema.safeParse(JSON.parse(text));
    return parsed.success && dataKeyOf(parsed.data.key) === dataKey ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** The text of an entry: the older form, then both, are left out where they are too large. */
export function writeEntry(entry: VerdictEntry): string {
  for (let kept = acceptedKept; kept > 0; kept -= 1) {
    const text = JSON.stringify({ ...entry, accepted: entry.accepted.slice(0, kept) });
    if (Buffer.byteLength(text) <= maxEntryBytes) return text;
  }
  return JSON.stringify({ ...entry, accepted: [] });
}

/** What is to be kept when `newer` is learned on top of `present`; bounded. */
export function mergeEntries(newer: VerdictEntry, present: VerdictEntry | undefined): VerdictEntry {
  const { key } = newer;
  const merged = mergeJudgements(newer, present ?? { accepted: [], rejected: {} });
  const accepted = [...merged.accepted].sort((a, b) => b.generation - a.generation);
  const rejected = Object.entries(merged.rejected).slice(-maxRejected);
  return {
    key,
    accepted: accepted.slice(0, acceptedKept),
    rejected: Object.fromEntries(
      rejected.map(([hash, message]) => [hash, message.slice(0, maxMessage)]),
    ),
    ...(merged.answers !== undefined && { answers: merged.answers }),
  };
}

function parseForm({ object }: WrittenForm, key: string, root: string): readonly TrafficPolicy[] {
  const parsed = parseObject(object, { rootNamespace: root });
  if (parsed.kind !== 'ours' || parsed.key !== key || parsed.outcome.kind !== 'good') return [];
  const { row } = parsed.outcome;
  return row.collection === 'policies' && row.value.kind === 'TrafficPolicy' ? [row.value] : [];
}

/** The verdict; forms that this version cannot read are left out. */
export function toVerdict(entry: VerdictEntry, rootNamespace: string): PolicyVerdict {
  const [namespace = '', name = ''] = entry.key.split('/');
  const key: PolicyKey = policyKey(namespace, name);
  return {
    key,
    accepted: entry.accepted.flatMap((form) => parseForm(form, key, rootNamespace)),
    rejected: entry.rejected,
    ...(entry.answers !== undefined && { answers: entry.answers }),
  };
}
