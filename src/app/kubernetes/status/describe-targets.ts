/** What a policy is about and how it is meant, in few words, for the columns TARGET and MODE. */
import { z } from 'zod';
import { cutText } from './sentences.js';

const targetSchema = z.object({
  kind: z.string(),
  name: z.string().optional().catch(undefined),
  namespace: z.string().optional().catch(undefined),
  sectionName: z.string().optional().catch(undefined),
  selector: z
    .object({ matchLabels: z.record(z.string(), z.string()) })
    .optional()
    .catch(undefined),
});

const specSchema = z.object({ targetRefs: z.array(z.unknown()) });

const modeSchema = z.object({ mode: z.string() });

const maxLength = 120;

/** The mode as written, understood or not; `Enforce` where none is. */
export function describeMode(spec: unknown): string {
  return cutText(modeSchema.safeParse(spec).data?.mode ?? 'Enforce', 32);
}

/** `Service/reviews:http`, `Pod/app=cart`, `Mesh`; of several the first, and how many more. Empty for what has none. */
export function describeTargets(spec: unknown): string {
  const refs = specSchema.safeParse(spec).data?.targetRefs ?? [];
  const [first, ...others] = refs.flatMap((ref) => targetSchema.safeParse(ref).data ?? []);
  if (first === undefined) return '';
  const text = describe(first);
  const short = cutText(text, maxLength);
  return others.length === 0 ? short : `${short} +${String(others.length)}`;
}

function describe({ kind, ...target }: z.infer<typeof targetSchema>): string {
  const { name, namespace, sectionName, selector } = target;
  if (name !== undefined) {
    const path = namespace === undefined ? name : `${namespace}/${name}`;
    return `${kind}/${path}${sectionName === undefined ? '' : `:${sectionName}`}`;
  }
  const labels = Object.entries(selector?.matchLabels ?? {}).map(
    ([key, value]) => `${key}=${value}`,
  );
  return labels.length === 0 ? kind : `${kind}/${labels.join(',')}`;
}
