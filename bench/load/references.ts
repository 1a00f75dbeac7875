/** What a resource makes an Envoy ask for: read from its bytes along known paths, once for each version. */
import { typeUrls } from '../../src/envoy/index.js';
import { eachField, textAt, type Range, type ReadResource } from './wire.js';

/** Names to subscribe to, by type URL; `*` where everything of the type is asked for. */
export type References = ReadonlyMap<string, readonly string[]>;

/** The messages at the end of a path of field numbers. */
function at(bytes: Buffer, range: Range, [field, ...rest]: readonly number[]): readonly Range[] {
  if (field === undefined) return [range];
  const found: Range[] = [];
  eachField(bytes, range, (number, content) => {
    if (number === field && typeof content !== 'number') found.push(...at(bytes, content, rest));
  });
  return found;
}

function textsAt(bytes: Buffer, range: Range, path: readonly number[]): readonly string[] {
  return at(bytes, range, path).map((found) => textAt(bytes, found));
}

/** `ConfigSource.ads` is there. */
function isOverAds(bytes: Buffer, range: Range, path: readonly number[]): boolean {
  return at(bytes, range, [...path, 3]).length > 0;
}

/** Names of secrets that a `TransportSocket` wants over ADS. */
function secretsOf(bytes: Buffer, socket: Range): readonly string[] {
  // typed_config.value.common_tls_context, then each place for an SdsSecretConfig.
  const contexts = at(bytes, socket, [3, 2, 1]);
  return contexts.flatMap((context) =>
    [[6], [7], [8, 2]].flatMap((path) =>
      at(bytes, context, path).flatMap((config) =>
        isOverAds(bytes, config, [2]) ? textsAt(bytes, config, [1]) : [],
      ),
    ),
  );
}

function ofCluster(bytes: Buffer, range: Range): References {
  const name = textsAt(bytes, range, [1]);
  const eds = at(bytes, range, [3]).filter((config) => isOverAds(bytes, config, [1]));
  const endpoints = eds.flatMap((config) => {
    const service = textsAt(bytes, config, [2]);
    return service.length > 0 ? service : name;
  });
  const sockets = [...at(bytes, range, [24]), ...at(bytes, range, [43, 3])];
  const secrets = sockets.flatMap((socket) => secretsOf(bytes, socket));
  return new Map([
    [typeUrls.endpoint, endpoints],
    [typeUrls.secret, secrets],
  ]);
}

/** Filters that are configured over ADS, of the network or of HTTP. */
function extensionsOf(bytes: Buffer, filters: readonly Range[]): readonly string[] {
  return filters.flatMap((filter) =>
    isOverAds(bytes, filter, [5, 1]) ? textsAt(bytes, filter, [1]) : [],
  );
}

const connectionManager =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

function ofListener(bytes: Buffer, range: Range): References {
  const chains = [...at(bytes, range, [3]), ...at(bytes, range, [25])];
  const filters = chains.flatMap((chain) => at(bytes, chain, [3]));
  const managers = filters
    .flatMap((filter) => at(bytes, filter, [4]))
    .filter((config) => textsAt(bytes, config, [1])[0] === connectionManager)
    .flatMap((config) => at(bytes, config, [2]));
  const routes = managers
    .flatMap((manager) => at(bytes, manager, [3]))
    .flatMap((rds) => (isOverAds(bytes, rds, [1]) ? textsAt(bytes, rds, [2]) : []));
  const httpFilters = managers.flatMap((manager) => at(bytes, manager, [5]));
  const sockets = chains.flatMap((chain) => at(bytes, chain, [6]));
  return new Map([
    [typeUrls.secret, sockets.flatMap((socket) => secretsOf(bytes, socket))],
    [typeUrls.extensionConfig, extensionsOf(bytes, [...filters, ...httpFilters])],
    [typeUrls.route, routes],
  ]);
}

function ofRouteConfiguration(bytes: Buffer, range: Range): References {
  return new Map([[typeUrls.virtualHost, isOverAds(bytes, range, [9, 1]) ? ['*'] : []]]);
}

const none: References = new Map();
const known = new Map<string, References>();

function read(bytes: Buffer, typeUrl: string, body: Range): References {
  switch (typeUrl) {
    case typeUrls.cluster:
      return ofCluster(bytes, body);
    case typeUrls.listener:
      return ofListener(bytes, body);
    case typeUrls.route:
      return ofRouteConfiguration(bytes, body);
    default:
      return none;
  }
}

/** What a resource of a response refers to. */
export function referencesOf(bytes: Buffer, typeUrl: string, resource: ReadResource): References {
  const { name, version, body } = resource;
  if (body === undefined) return none;
  // The length too: not every control plane's version tells contents apart.
  const key = `${typeUrl} ${name} ${version} ${String(body.to - body.from)}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = read(bytes, typeUrl, body);
  known.set(key, made);
  return made;
}
