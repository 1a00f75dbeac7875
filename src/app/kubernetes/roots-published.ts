/** Which roots this cluster was ever told to trust: where there are some, no new one may be made. */
import { z } from 'zod';
import type { CaStore } from '../../ca/index.js';
import type { KubernetesClient } from '../../sources/index.js';
import { injectedNames } from '../../webhook/index.js';

/** What was found. */
export interface PublishedRoots {
  /** PEM, or whatever stands in its place. */
  readonly bundle: string;
  /** Namespaces in which it lies; the first counted. */
  readonly namespaces: readonly string[];
}

const configMapSchema = z.object({
  metadata: z.object({
    namespace: z.string(),
    labels: z.record(z.string(), z.string()).nullish(),
  }),
  data: z.record(z.string(), z.string()).nullish(),
});
const listSchema = z.object({ items: z.array(z.unknown()) });

type ConfigMap = z.infer<typeof configMapSchema>;

async function listRoots(client: Pick<KubernetesClient, 'send'>): Promise<readonly ConfigMap[]> {
  const answer = await client.send({
    ...{ method: 'GET', path: '/api/v1/configmaps' },
    query: { fieldSelector: `metadata.name=${injectedNames.rootConfigMap}` },
  });
  const { items } = listSchema.parse(answer);
  return items.flatMap((item) => configMapSchema.safeParse(item).data ?? []);
}

function isOurs({ metadata }: ConfigMap): boolean {
  return metadata.labels?.['app.kubernetes.io/managed-by'] === 'skerry';
}

/**
 * The roots that were published; undefined: none were. While the authority has its own, the root
 * namespace alone counts, since anybody may write a ConfigMap of that name into a namespace of theirs;
 * once it is lost, any that carries our label is a trace of an older mesh. Rejects with a
 * `KubernetesApiError` when it cannot find out.
 */
export async function readPublishedRoots(options: {
  readonly client: Pick<KubernetesClient, 'send'>;
  readonly rootNamespace: string;
  readonly store: Pick<CaStore, 'readSlot'>;
}): Promise<PublishedRoots | undefined> {
  const { client, rootNamespace } = options;
  const hasAuthority = (await options.store.readSlot('active')) !== undefined;
  const all = await listRoots(client);
  const own = all.filter(({ metadata }) => metadata.namespace === rootNamespace);
  const found = hasAuthority ? own : [...own, ...all.filter(isOurs)];
  const [first] = found;
  if (first === undefined) return undefined;
  const bundle = first.data?.['root.pem'] ?? '';
  // Spoilt text says nothing of another root, and is put right later; without an authority it is a trace.
  if (hasAuthority && !bundle.includes('-----BEGIN CERTIFICATE-----')) return undefined;
  return { bundle, namespaces: [...new Set(found.map(({ metadata }) => metadata.namespace))] };
}
