/** The ConfigMaps that verdicts are in: what they hold, and changes to them. Mutable state. */
import { z } from 'zod';
import { KubernetesApiError, type KubernetesClient } from '../../sources/index.js';

/** The ConfigMaps. */
export interface Shards {
  /** A ConfigMap as watched (undefined: gone); returns the values that are new. */
  adopt(name: string, object: unknown): ReadonlyMap<string, string>;
  /** Every value of every ConfigMap. */
  entries(): readonly (readonly [string, string])[];
  /**
   * Changes one ConfigMap by what `make` makes of what it holds (null removes); made again when
   * another replica was first. False: there is no room. Rejects when the API server will not have it.
   */
  change(name: string, make: (present: ReadonlyMap<string, string>) => Patch): Promise<boolean>;
}

type Patch = ReadonlyMap<string, string | null>;

interface Shard {
  readonly resourceVersion: string;
  readonly data: ReadonlyMap<string, string>;
}

const shardSchema = z.object({
  metadata: z.object({ resourceVersion: z.string() }),
  data: z.record(z.string(), z.string()).nullish(),
});

/** Replicas that write at the same time all get through in a few rounds. */
const maxRounds = 20;
const requestTimeoutMs = 5_000;
/** Of all values of a ConfigMap; the API server takes 1 MiB. */
const maxShardBytes = 900_000;

const empty: Shard = { resourceVersion: '', data: new Map() };

function parseShard(object: unknown): Shard {
  const parsed = shardSchema.safeParse(object);
  if (!parsed.success) return empty;
  const { metadata, data } = parsed.data;
  return { resourceVersion: metadata.resourceVersion, data: new Map(Object.entries(data ?? {})) };
}

function hasStatus(error: unknown, status: number): boolean {
  return error instanceof KubernetesApiError && error.status === status;
}

function sizeOf(data: ReadonlyMap<string, string>, patch: Patch): number {
  let bytes = 0;
  for (const text of new Map<string, string | null>([...data, ...patch]).values()) {
    bytes += Buffer.byteLength(text ?? '');
  }
  return bytes;
}

/** ConfigMaps that nothing is known of yet. */
export function createShards(options: {
  readonly client: Pick<KubernetesClient, 'send'>;
  readonly namespace: string;
}): Shards {
  const { client, namespace } = options;
  const collection = `/api/v1/namespaces/${namespace}/configmaps`;
  const shards = new Map<string, Shard>();
  /** What the watch has said: what a write has shown in passing is still news. */
  const watched = new Map<string, Shard['data']>();

  const send = async (
    name: string,
    request: Omit<Parameters<typeof client.send>[0], 'timeoutMs'>,
  ): Promise<Shard> => {
    const shard = parseShard(await client.send({ ...request, timeoutMs: requestTimeoutMs }));
    shards.set(name, shard);
    return shard;
  };
  const create = (name: string, patch: Patch): Promise<Shard> => {
    const labels = {
      'app.kubernetes.io/name': 'skerry',
      'app.kubernetes.io/managed-by': 'skerry',
      'skerry.dev/verdicts': 'true',
    };
    const data = Object.fromEntries([...patch].filter(([, text]) => text !== null));
    return send(name, {
      ...{ method: 'POST', path: collection },
      body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels }, data },
    });
  };
  const update = (name: string, { resourceVersion }: Shard, patch: Patch): Promise<Shard> =>
    send(name, {
      ...{ method: 'PATCH', path: `${collection}/${name}` },
      contentType: 'application/merge-patch+json',
      // With the version it was made from: the API server refuses it when another was first.
      body: { metadata: { resourceVersion }, data: Object.fromEntries(patch) },
    });
  const read = async (name: string): Promise<void> => {
    try {
      await send(name, { method: 'GET', path: `${collection}/${name}` });
    } catch (error) {
      if (!hasStatus(error, 404)) throw error;
      shards.delete(name);
    }
  };

  return {
    adopt(name, object): ReadonlyMap<string, string> {
      if (object === undefined) {
        shards.delete(name);
        watched.delete(name);
        return new Map();
      }
      const former = watched.get(name);
      const shard = parseShard(object);
      shards.set(name, shard);
      watched.set(name, shard.data);
      return new Map([...shard.data].filter(([key, text]) => former?.get(key) !== text));
    },
    entries: () => [...shards.values()].flatMap(({ data }) => [...data]),
    async change(name, make): Promise<boolean> {
      for (let round = 0; round < maxRounds; round += 1) {
        const shard = shards.get(name);
        const patch = make(shard?.data ?? new Map());
        if (patch.size === 0) return true;
        if (sizeOf(shard?.data ?? new Map(), patch) > maxShardBytes) return false;
        try {
          await (shard === undefined ? create(name, patch) : update(name, shard, patch));
          return true;
        } catch (error) {
          if (!hasStatus(error, 409) && !hasStatus(error, 404)) throw error;
          await read(name);
        }
      }
      throw new Error(`ConfigMap ${namespace}/${name} cannot be written: others are always first`);
    },
  };
}
