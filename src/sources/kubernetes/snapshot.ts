/** What an API server has now, read once: for commands that look and go. */
import type { SourceBatch, SourceChange } from '../change.js';
import { collectionNames, type CollectionName } from '../parse/objects.js';
import { KubernetesApiError } from './api-error.js';
import type { KubernetesClient } from './client.js';
import { kindNames, paths, queries, readAs } from './collections.js';
import { listAll } from './list.js';
import { createRowTable } from './rows.js';

/** What is to be read. */
export interface SnapshotRequest {
  readonly rootNamespace: string;
  readonly collections: readonly CollectionName[];
  readonly signal: AbortSignal;
}

/** A kind that the API server has not, or does not show to this account. */
export interface UnreadKind {
  readonly collection: CollectionName;
  /** As kubectl has it. */
  readonly kind: string;
  readonly error: KubernetesApiError;
}

/** Everything that could be read, each row with the object behind it. */
export interface KubernetesSnapshot {
  readonly batch: SourceBatch;
  readonly unread: readonly UnreadKind[];
}

/** Lists each collection; rejects with a {@link KubernetesApiError} where nobody answers or the account is unknown. */
export async function readKubernetes(
  client: KubernetesClient,
  { rootNamespace, collections, signal }: SnapshotRequest,
): Promise<KubernetesSnapshot> {
  const table = createRowTable();
  const manifests = new Map<string, unknown>();
  const unread: UnreadKind[] = [];
  const idOf = ({ collection, key }: Pick<SourceChange, 'collection' | 'key'>): string =>
    `${collection} ${key}`;
  const readOne = async (collection: CollectionName): Promise<void> => {
    const query = queries[collection] ?? {};
    const listed = await listAll(client, { path: paths[collection], query, signal });
    for (const { meta, object } of listed.objects) {
      table.set(collection, meta.key, readAs(collection, object, { rootNamespace }));
      manifests.set(idOf({ collection, key: meta.key }), object);
    }
  };
  await Promise.all(
    collectionNames
      .filter((collection) => collections.includes(collection))
      .map(async (collection) => {
        try {
          await readOne(collection);
        } catch (error) {
          if (!(error instanceof KubernetesApiError) || !isRefusal(error)) throw error;
          unread.push({ collection, kind: kindNames[collection], error });
        }
      }),
  );
  const { changes, diagnostics } = table.settle() ?? { changes: [], diagnostics: [] };
  const rows = changes.map((change) => ({ ...change, manifest: manifests.get(idOf(change)) }));
  const order = ({ collection }: UnreadKind): number => collectionNames.indexOf(collection);
  return {
    batch: { changes: rows, diagnostics },
    unread: unread.sort((a, b) => order(a) - order(b)),
  };
}

/** Of this kind alone: others may be had. */
function isRefusal({ status }: KubernetesApiError): boolean {
  return status === 403 || status === 404;
}
