/** Whole collections: in pages, or as the first events of a watch. */
import { ownField } from '../parse/cursor.js';
import { KubernetesApiError } from './api-error.js';
import type { KubernetesClient } from './client.js';
import { readEvent, readMeta, textOf, type ObjectMeta } from './watch-event.js';

/** A collection at one version. */
export interface Listed {
  readonly resourceVersion: string;
  readonly objects: readonly { readonly meta: ObjectMeta; readonly object: unknown }[];
}

const pageSize = '500';
const maxRestarts = 3;
const metadataOnly =
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';

interface ListRequest {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Names and versions suffice. */
  readonly metadataOnly?: boolean;
}

/** Reads all pages; begins again where the version of the first page is no longer kept. */
export async function listAll(client: KubernetesClient, request: ListRequest): Promise<Listed> {
  for (let restart = 0; ; restart += 1) {
    try {
      return await listPages(client, request);
    } catch (error) {
      const isExpired = error instanceof KubernetesApiError && error.status === 410;
      if (!isExpired || restart === maxRestarts) throw error;
    }
  }
}

async function listPages(client: KubernetesClient, request: ListRequest): Promise<Listed> {
  const objects: { meta: ObjectMeta; object: unknown }[] = [];
  let next = '';
  for (;;) {
    const page = await client.send({
      method: 'GET',
      path: request.path,
      query: { ...request.query, limit: pageSize, ...(next !== '' && { continue: next }) },
      signal: request.signal,
      timeoutMs: 60_000,
      ...(request.metadataOnly === true && { accept: metadataOnly }),
    });
    const items = ownField(page, 'items');
    const kind = textOf(ownField(page, 'kind')).replace(/List$/, '');
    const apiVersion = ownField(page, 'apiVersion');
    for (const item of Array.isArray(items) ? items : []) {
      // Items of a list do not say what they are; the list does.
      const object: unknown = { apiVersion, kind, ...Object(item) };
      objects.push({ meta: readMeta(object), object });
    }
    const metadata = ownField(page, 'metadata');
    next = textOf(ownField(metadata, 'continue'));
    if (next !== '') continue;
    return { resourceVersion: textOf(ownField(metadata, 'resourceVersion')), objects };
  }
}

/**
 * Reads the initial events of a streaming list (KEP-3157) and leaves the iterator behind them.
 * Undefined: the server ended the watch without saying that they were complete.
 */
export async function streamInitial(events: AsyncIterator<unknown>): Promise<Listed | undefined> {
  const objects = new Map<string, { meta: ObjectMeta; object: unknown }>();
  for (;;) {
    const next = await events.next();
    if (next.done === true) return undefined;
    const event = readEvent(next.value);
    switch (event.kind) {
      case 'set':
        objects.set(event.meta.key, { meta: event.meta, object: event.object });
        break;
      case 'deleted':
        objects.delete(event.meta.key);
        break;
      case 'bookmark':
        if (!event.isInitialEnd) break;
        return { resourceVersion: event.resourceVersion, objects: [...objects.values()] };
    }
  }
}
