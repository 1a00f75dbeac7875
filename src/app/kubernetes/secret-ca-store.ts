/**
 * The authority's material in a Secret, shared by all replicas: several that start at once end with
 * one root, since the API server lets one of them create it. Holds state: what the Secret last held.
 *
 * Keys of the Secret: `<slot>.<file>` for the slots `active`, `next` and `retired`, each with
 * `root.pem`, `root-key.pem` (may be kept elsewhere), `workload-issuer.pem` and `server-issuer.pem`
 * (an intermediate's certificate, then its key in PKCS #8); and `published.json`.
 */
import { z } from 'zod';
import {
  CaError,
  type Arrangement,
  type CaStore,
  type SlotFiles,
  type SlotName,
} from '../../ca/index.js';
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

/** A text that is null is a key to be removed. */
function encode(
  files: ReadonlyMap<string, string | null>,
): Readonly<Record<string, string | null>> {
  return Object.fromEntries(
    [...files].map(([key, text]) => [
      key,
      text === null ? null : Buffer.from(text).toString('base64'),
    ]),
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

const slots: readonly SlotName[] = ['active', 'next', 'retired'];

function isOfSlot(key: string): boolean {
  return slots.some((slot) => key.startsWith(keyOf(slot, '')));
}

/** What each key becomes by a rearrangement. */
function rearranged(
  present: Files,
  arrangement: Arrangement,
  records: Files,
): ReadonlyMap<string, string | null> {
  const next = new Map<string, string | null>(records);
  for (const key of present.keys()) if (isOfSlot(key)) next.set(key, null);
  for (const slot of slots) {
    const source = arrangement[slot];
    const files: SlotFiles | undefined =
      typeof source === 'string' ? slotOf(present, source) : source;
    for (const [file, text] of files ?? []) next.set(keyOf(slot, file), text);
  }
  return next;
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
      // Where nothing can be made, the namespace is missing; else the Secret is, which callers look at.
      const isGone = hasStatus(error, 404) && request.method !== 'POST';
      if (error instanceof CaError || isGone || hasStatus(error, 409)) throw error;
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

  const create = (files: Files): Promise<Stored> => {
    const labels = { 'app.kubernetes.io/name': 'skerry', 'app.kubernetes.io/managed-by': 'skerry' };
    const secret = { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', data: encode(files) };
    const body = { ...secret, metadata: { name, namespace, labels } };
    return send('create', { method: 'POST', path: collection, body });
  };
  const write = (stored: Stored, files: ReadonlyMap<string, string | null>): Promise<Stored> => {
    const { resourceVersion } = stored;
    const body = { metadata: { resourceVersion }, data: encode(files) };
    return send('write', {
      ...{ method: 'PATCH', path, body },
      contentType: 'application/merge-patch+json',
    });
  };

  /** False: another replica was first. */
  const created = async (files: Files): Promise<boolean> => {
    try {
      await create(files);
      return true;
    } catch (error) {
      if (hasStatus(error, 409)) return false;
      throw error;
    }
  };
  /** False: another replica was first, or it is gone. */
  const patched = async (
    stored: Stored,
    files: ReadonlyMap<string, string | null>,
  ): Promise<boolean> => {
    try {
      await write(stored, files);
      return true;
    } catch (error) {
      if (hasStatus(error, 409) || hasStatus(error, 404)) return false;
      throw error;
    }
  };
  const busy = (): CaError =>
    new CaError('CaStore', `cannot write Secret ${namespace}/${name}: others always do so first`);

  /** Adds files unless `isRefused` by what is there; false when it was. */
  const change = async (files: Files, isRefused: (present: Files) => boolean): Promise<boolean> => {
    for (let round = 0; round < maxRounds; round += 1) {
      const stored = await read();
      if (stored !== undefined && isRefused(stored.files)) return false;
      const isDone = stored === undefined ? await created(files) : await patched(stored, files);
      if (isDone) return true;
    }
    throw busy();
  };

  const restore = async (): Promise<boolean> => {
    const files = last;
    return files !== undefined && (await read()) === undefined && created(files);
  };

  const rearrange = async (
    revision: string,
    arrangement: Arrangement,
    records: Files,
  ): Promise<boolean> => {
    const stored = await read();
    if (stored?.resourceVersion !== revision) return false;
    return patched(stored, rearranged(stored.files, arrangement, records));
  };

  return {
    read: async () => {
      const stored = await read();
      const files = stored?.files ?? new Map<string, string>();
      const found = slots.flatMap((slot): readonly (readonly [SlotName, SlotFiles])[] => {
        const own = slotOf(files, slot);
        return own === undefined ? [] : [[slot, own]];
      });
      return {
        slots: new Map(found),
        records: new Map([...files].filter(([key]) => !isOfSlot(key))),
        revision: stored?.resourceVersion ?? '',
      };
    },
    rearrange,
    readSlot: async (slot) => slotOf((await read())?.files ?? new Map(), slot),
    createSlot: (slot, files) =>
      change(
        new Map([...files].map(([file, text]) => [keyOf(slot, file), text])),
        (present) => slotOf(present, slot) !== undefined,
      ),
    writeSlotFile: async (rootPem, file, text) => {
      // Where it has been deleted, one file alone would be a slot that cannot be read.
      await restore();
      for (let round = 0; round < maxRounds; round += 1) {
        const stored = await read();
        const slot = slots.find((one) => stored?.files.get(keyOf(one, 'root.pem')) === rootPem);
        if (stored === undefined || slot === undefined) return false;
        if (await patched(stored, new Map([[keyOf(slot, file), text]]))) return true;
      }
      throw busy();
    },
    readRecord: async (record) => (await read())?.files.get(record),
    createRecord: (record, text) =>
      change(new Map([[record, text]]), (present) => present.has(record)),
    removeRecord: async (record) => {
      for (let round = 0; round < maxRounds; round += 1) {
        const stored = await read();
        if (stored?.files.has(record) !== true) return;
        if (await patched(stored, new Map([[record, null]]))) return;
      }
      throw busy();
    },
    // A chain lives for hours and is worth nothing without its sidecar, which asks again: replicas
    // keep the chains they issued in memory, and each issues its own.
    listIssued: () => Promise.resolve([]),
    readIssued: () => Promise.resolve(undefined),
    writeIssued: () => Promise.resolve(),
    removeIssued: () => Promise.resolve(),
    restore,
  };
}
