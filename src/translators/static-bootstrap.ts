/** A sidecar's resources as one static bootstrap, which Envoy in validate mode checks with all references. */
import { decodeUnknown, typeUrls } from '../envoy/index.js';
import type { ScopedResource } from './scoped-resource.js';

type Json = Readonly<Record<string, unknown>>;

/**
 * The bootstrap of these resources. What would come over ADS stands inline (routes, virtual hosts,
 * endpoints, filters) or in the file `secrets`, so that a route to a cluster that is not there is
 * refused. @throws Error where a resource refers to one that is not given.
 */
export function toStaticBootstrap(resources: readonly ScopedResource[], secrets: string): Json {
  const all = (typeUrl: string): readonly Json[] =>
    resources.flatMap((each) => {
      if (each.typeUrl !== typeUrl || each.resource === undefined) return [];
      const message = decodeUnknown(typeUrl, each.resource.bytes);
      return isJson(message) ? [message] : [];
    });
  const endpoints = new Map(all(typeUrls.endpoint).map((each) => [each['cluster_name'], each]));
  const routes = new Map(all(typeUrls.route).map((each) => [each['name'], each]));
  const hosts = all(typeUrls.virtualHost);
  const extension = all(typeUrls.extensionConfig)[0];
  const clusters = all(typeUrls.cluster).map((cluster) => inlineEndpoints(cluster, endpoints));
  const listeners = all(typeUrls.listener).map((listener) =>
    walk(listener, (node) => inlineFilter(inlineRoutes(node, routes, hosts), extension)),
  );
  return {
    node: { id: 'static', cluster: 'static' },
    // As in a sidecar's own bootstrap.
    bootstrap_extensions: [
      {
        name: 'envoy.bootstrap.internal_listener',
        typed_config: {
          '@type':
            'type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener',
        },
      },
    ],
    static_resources: walk({ clusters, listeners }, (node) => fromFile(node, secrets)),
  };
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function inlineEndpoints(cluster: Json, endpoints: ReadonlyMap<unknown, Json>): Json {
  if (cluster['type'] !== 'EDS') return cluster;
  const { eds_cluster_config: eds, ...rest } = cluster;
  const name = (isJson(eds) ? eds['service_name'] : undefined) ?? cluster['name'];
  const assignment = endpoints.get(name);
  if (assignment === undefined) throw new Error(`cluster ${String(name)} has no endpoints`);
  return { ...rest, type: 'STATIC', load_assignment: assignment };
}

function inlineRoutes(
  node: Json,
  routes: ReadonlyMap<unknown, Json>,
  hosts: readonly Json[],
): Json {
  const { rds, ...rest } = node;
  if (!isJson(rds)) return node;
  const found = routes.get(rds['route_config_name']);
  if (found === undefined) {
    throw new Error(`there are no routes ${String(rds['route_config_name'])}`);
  }
  const { vhds, virtual_hosts: listed, ...config } = found;
  const own: readonly unknown[] = Array.isArray(listed) ? listed : [];
  const virtualHosts = vhds === undefined ? own : [...own, ...hosts];
  return {
    ...rest,
    route_config: { ...config, virtual_hosts: virtualHosts, validate_clusters: true },
  };
}

/** Filters that would come over ADS; a sidecar has one resource of that kind. */
function inlineFilter(node: Json, extension: Json | undefined): Json {
  const { config_discovery: discovery, ...rest } = node;
  if (discovery === undefined) return node;
  if (extension === undefined) {
    throw new Error(`filter ${String(node['name'])} has no configuration`);
  }
  return { ...rest, typed_config: extension['typed_config'] };
}

/** Secrets and what is asked on demand come over ADS, which a static bootstrap has not. */
function fromFile(node: Json, secrets: string): Json {
  if (!('ads' in node)) return node;
  return { path_config_source: { path: secrets }, resource_api_version: 'V3' };
}

function walk(node: Json, change: (node: Json) => Json): Json {
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(visit);
    return isJson(value) ? walk(value, change) : value;
  };
  return Object.fromEntries(Object.entries(change(node)).map(([key, each]) => [key, visit(each)]));
}
