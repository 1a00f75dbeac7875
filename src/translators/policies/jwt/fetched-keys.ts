/** Key sets that sidecars fetch: from which Service, by which cluster, and what stands in the way. */
import { formatClusterName, type FetchedKeysIr } from '../../../ir/index.js';
import { serviceKey, type KeySetUrl, type Service } from '../../../model/index.js';

/** Where the key set of a policy in `namespace` is fetched. */
export function toFetchedKeys(from: KeySetUrl, namespace: string): FetchedKeysIr {
  const { url, path, port } = from;
  const service = serviceKey(from.namespace ?? namespace, from.name);
  const cluster = formatClusterName({ kind: 'service', wire: 'http', service, port, subset: {} });
  return { url, path, service, port, cluster };
}

/** Why nobody can be asked there; undefined: as far as the objects tell, somebody can. */
export function findUnfetchable(
  { service: key, port }: FetchedKeysIr,
  service: Service | undefined,
): string | undefined {
  if (service === undefined) return `there is no Service ${key}`;
  const found = service.ports.find((one) => one.port === port && one.transport === 'TCP');
  if (found === undefined) return `Service ${key} has no port ${String(port)}`;
  return found.protocol === 'tcp' || found.protocol === 'tls'
    ? `port ${String(port)} of Service ${key} is declared ${found.protocol} and carries no HTTP`
    : undefined;
}
