/**
 * The authority's material in a Secret, shared by all replicas: several that start at once end with
 * one root, since the API server lets one of them create it. Holds state: what the Secret last held.
 *
 * Keys of the Secret: `<slot>.<file>` for the slots `active`, `next` and `retired`, each with
 * `root.pem`, `root-key.pem` (may be kept elsewhere), `workload-issuer.pem` and `server-issuer.pem`
 * (an intermediate's certificate, then its key in PKCS #8); and `published.json`.
 */
import { z } from 'zod';
import { CaError, type CaStore, type SlotName } from '../../ca/index.js';
import { KubernetesApiError, type KubernetesClient } from '../../sources/index.js';

/** Where the Secret is. */
export interface SecretCaStoreOptions {
  readonly client: Pick<KubernetesClient, 'send'>;
  readonly namespace: string;
  /** `skerry-ca` by default. */
  readonly name?: string;
}

/** A store of the authority that can be put back. */
export interface SecretCaStore extends CaStore {
  /**
   * Writes back what this process last saw, where the Secret is gone; true when it did. A Secret that
   * exists is left alone, whatever it holds.
   */
  restore(): Promise<boolean>;
}

type Files = ReadonlyMap<string, string>;

interface Stored {
  readonly resourceVersion: string;
  readonly files: Files;
}

const secretSchema = z.object({
  metadata: z.object({ resourceVersion: z.string() }),
  data: z.record(z.string(), z.string()).nullish(),
});

/** Replicas that write at the same time all get through in a few rounds. */
const maxRounds = 20;

function encode(files: Files): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...files].map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  );
}

function parseSecret(object: unknown, path: string): Stored {
  const parsed = secretSchema.safeParse(object);
  if (!parsed.success) throw new CaError('CaStore', `expected a Secret at ${path}`, parsed.error);
  const { metadata, data } = parsed.data;
  const files = new Map(
    Object.entries(data ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64').toString()]),
  );
  return { resourceVersion: metadata.resourceVersion, files };
}

function hasStatus(error: unknown, status: number): boolean {
  return error instanceof KubernetesApiError && error.status === status;
}

function keyOf(slot: SlotName, file: string): string {
  return `${slot}.${file}`;
}

function slotOf(files: Files, slot: SlotName): Files | undefined {
  const prefix = keyOf(slot, '');
  const own = [...files].filter(([key]) => key.startsWith(prefix));
  if (own.length === 0) return undefined;
  return new Map(own.map(([key, text]) => [key.slice(prefix.length), text]));
}

/** A store that has read nothing yet. */
export function createSecretCaStore(options: SecretCaStoreOptions): SecretCaStore {
  const { client, namespace } = options;
  const name = options.name ?? 'skerry-ca';
  const collection = `/api/v1/namespaces/${namespace}/secrets`;
  const path = `${collection}/${name}`;
  let last: Files | undefined;

  const send = async (
    what: string,
    request: Parameters<typeof client.send>[0],
  ): Promise<Stored> => {
    try {
      const stored = parseSecret(await client.send(request), path);
      last = stored.files;
      return stored;
    } catch (error) {
      if (error instanceof CaError || hasStatus(error, 404) || hasStatus(error, 409)) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new CaError('CaStore', `cannot ${what} Secret ${namespace}/${name}: ${why}`, error);
    }
  };

  const read = async (): Promise<Stored | undefined> => {
    try {
      return await send('read', { method: 'GET', path });
    } catch (error) {
      if (hasStatus(error, 404)) return undefined;
      throw error;
    }
  };

  /** Both refuse with 409 when another replica was first. */
  const create = (files: Files): Promise<Stored> => {
    const labels = { 'app.kubernetes.io/name': 'skerry', 'app.kubernetes.io/managed-by': 'skerry' };
    const secret = { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', data: encode(files) };
    const body = { ...secret, metadata: { name, namespace, labels } };
    return send('create', { method: 'POST', path: collection, body });
  };
  const add = (stored: Stored, files: Files): Promise<Stored> => {
    const { resourceVersion } = stored;
    const body = { metadata: { resourceVersion }, data: encode(files) };
    return send('write', {
      ...{ method: 'PATCH', path, body },
      contentType: 'application/merge-patch+json',
    });
  };

  /** Adds files unless `isRefused` by what is there; false when it was. */
  const change = async (files: Files, isRefused: (present: Files) => boolean): Promise<boolean> => {
    for (let round = 0; round < maxRounds; round += 1) {
      const stored = await read();
      if (stored !== undefined && isRefused(stored.files)) return false;
      try {
        await (stored === undefined ? create(files) : add(stored, files));
        return true;
      } catch (error) {
        // 404: it went away in between.
        if (!hasStatus(error, 409) && !hasStatus(error, 404)) throw error;
      }
    }
    throw new CaError(
      'CaStore',
      `cannot write Secret ${namespace}/${name}: others always do so first`,
    );
  };

  const restore = async (): Promise<boolean> => {
    const files = last;
    if (files === undefined || (await read()) !== undefined) return false;
    try {
      await create(files);
      return true;
    } catch (error) {
      if (hasStatus(error, 409)) return false;
      throw error;
    }
  };

  return {
    readSlot: async (slot) => slotOf((await read())?.files ?? new Map(), slot),
    createSlot: (slot, files) =>
      change(
        new Map([...files].map(([file, text]) => [keyOf(slot, file), text])),
        (present) => slotOf(present, slot) !== undefined,
      ),
    writeSlotFile: async (slot, file, text) => {
      // Where it has been deleted, one file alone would be a slot that cannot be read.
      await restore();
      await change(new Map([[keyOf(slot, file), text]]), () => false);
    },
    readRecord: async (record) => (await read())?.files.get(record),
    createRecord: (record, text) =>
      change(new Map([[record, text]]), (present) => present.has(record)),
    // A chain lives for hours and is worth nothing without its sidecar, which asks again: replicas
    // keep the chains they issued in memory, and each issues its own.
    listIssued: () => Promise.resolve([]),
    readIssued: () => Promise.resolve(undefined),
    writeIssued: () => Promise.resolve(),
    removeIssued: () => Promise.resolve(),
    restore,
  };
}
