/** A sidecar's resources as one static bootstrap, which Envoy in validate mode checks with all references. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sectionTypes, messageOf } from './golden-case.js';
import type { ScopedResource } from '../index.js';

type Json = Readonly<Record<string, unknown>>;

/**
 * What Envoy says of the resources: empty when it takes them all. What would come over ADS stands
 * inline (routes, virtual hosts, endpoints) or in a file (secrets), so that a route to a cluster
 * that is not there is refused.
 */
export function validateStatically(binary: string, resources: readonly ScopedResource[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-golden-'));
  try {
    const secrets = join(folder, 'secrets.json');
    writeFileSync(secrets, JSON.stringify({ version_info: '1', resources: [] }));
    const path = join(folder, 'bootstrap.json');
    writeFileSync(path, JSON.stringify(toBootstrap(resources, secrets)));
    const args = ['--mode', 'validate', '-l', 'warning', '-c', path];
    const { status, stderr, error } = spawnSync(binary, args, { encoding: 'utf8' });
    return status === 0 ? '' : `${stderr}${error?.message ?? ''}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function toBootstrap(resources: readonly ScopedResource[], secrets: string): unknown {
  const all = (section: keyof typeof sectionTypes): readonly Json[] =>
    resources
      .filter(({ typeUrl }) => typeUrl === sectionTypes[section])
      .map((resource) => messageOf(resource) as Json);
  const endpoints = new Map(all('endpoints').map((each) => [each['cluster_name'], each]));
  const routes = new Map(all('routes').map((each) => [each['name'], each]));
  const hosts = all('virtualHosts');
  const clusters = all('clusters').map((cluster) => inlineEndpoints(cluster, endpoints));
  const extensions = new Map(all('extensions').map((each) => [each['name'], each]));
  const listeners = all('listeners').map((listener) =>
    walk(listener, (node) => inlineFilter(inlineRoutes(node, routes, hosts), extensions)),
  );
  const statics = walk({ clusters, listeners }, (node) => fromFile(node, secrets));
  return {
    node: { id: 'golden', cluster: 'golden' },
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
    static_resources: statics,
  };
}

function inlineEndpoints(cluster: Json, endpoints: ReadonlyMap<unknown, Json>): Json {
  if (cluster['type'] !== 'EDS') return cluster;
  const { eds_cluster_config: eds, ...rest } = cluster;
  const name = (eds as Json)['service_name'] ?? cluster['name'];
  const assignment = endpoints.get(name);
  if (assignment === undefined) throw new Error(`cluster ${String(name)} has no endpoints`);
  return { ...rest, type: 'STATIC', load_assignment: assignment };
}

function inlineRoutes(
  node: Json,
  routes: ReadonlyMap<unknown, Json>,
  hosts: readonly Json[],
): Json {
  const rds = node['rds'] as Json | undefined;
  if (rds === undefined) return node;
  const found = routes.get(rds['route_config_name']);
  if (found === undefined)
    throw new Error(`there are no routes ${String(rds['route_config_name'])}`);
  const { vhds, ...config } = found;
  const own = (config['virtual_hosts'] ?? []) as readonly Json[];
  const routeConfig = {
    ...config,
    virtual_hosts: vhds === undefined ? own : [...own, ...hosts],
    validate_clusters: true,
  };
  const rest = Object.entries(node).filter(([key]) => key !== 'rds');
  return { ...Object.fromEntries(rest), route_config: routeConfig };
}

/** Filters that would come over ADS; they are looked up by their only resource. */
function inlineFilter(node: Json, extensions: ReadonlyMap<unknown, Json>): Json {
  const { config_discovery: discovery, ...rest } = node;
  if (discovery === undefined) return node;
  const [found] = extensions.values();
  if (found === undefined) throw new Error(`filter ${String(node['name'])} has no configuration`);
  return { ...rest, typed_config: found['typed_config'] };
}

/** Secrets and what is asked on demand come over ADS, which a static bootstrap has not. */
function fromFile(node: Json, secrets: string): Json {
  if (!('ads' in node)) return node;
  return { path_config_source: { path: secrets }, resource_api_version: 'V3' };
}

function walk<T>(value: T, change: (node: Json) => Json): T {
  if (Array.isArray(value)) return value.map((each: unknown) => walk(each, change)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const changed = change(value as unknown as Json);
  return Object.fromEntries(
    Object.entries(changed).map(([key, each]) => [key, walk(each, change)]),
  ) as T;
}
