/** What `outbound.tls` needs to know of a callee and of the objects that policies name. */
import type { Read } from '../../graph/index.js';
import { nameOf, namespaceOf, type ServiceKey } from '../../model/index.js';
import type { TlsContext } from '../policies/tls/feature.js';
import type { SourceTables } from './tables.js';

/** The name by which certificates of a Service go: as API servers ask of webhooks. */
export function serviceHost(service: ServiceKey): string {
  return `${nameOf(service)}.${namespaceOf(service)}.svc`;
}

/** What the graph has of them. */
export function tlsContext(
  serverName: string | undefined,
  read: Read,
  tables: Pick<SourceTables, 'caBundles' | 'credentials'>,
): TlsContext {
  return {
    ...(serverName === undefined ? {} : { serverName }),
    caBundle: (key) => read.get(tables.caBundles, key),
    credential: (key) => read.get(tables.credentials, key),
  };
}
