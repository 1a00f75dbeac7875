/** Test support: small real resources, and responses taken apart. */
import { decodeUnknown, encodeUnknown, typeUrls, versionOf } from '../../envoy/index.js';
import type { ResourceChange, XdsResource } from '../resource.js';

export const meshScope = 'mesh';

interface Message {
  readonly '@type': string;
  readonly [field: string]: unknown;
}

function resource(message: Message, name: string, isEager: boolean): XdsResource {
  const { '@type': typeUrl, ...fields } = message;
  const bytes = encodeUnknown(typeUrl, fields);
  return {
    typeUrl,
    name,
    version: versionOf(bytes),
    bytes,
    isEager,
    origins: [{ object: `Test default/${name}`, hash: name }],
  };
}

/** A cluster whose endpoints come by discovery; `text` makes contents differ. */
export function cluster(name: string, text = '1', isEager = true): XdsResource {
  return resource(
    { '@type': typeUrls.cluster, name, type: 'EDS', alt_stat_name: text },
    name,
    isEager,
  );
}

/** The endpoints of the cluster of that name. */
export function endpoints(name: string, text = '1'): XdsResource {
  return resource(
    {
      '@type': typeUrls.endpoint,
      cluster_name: name,
      endpoints: [{ locality: { zone: text } }],
    },
    name,
    false,
  );
}

/** The endpoints of the cluster of that name: none. */
export function noEndpoints(name: string, text = '1'): XdsResource {
  return { ...endpoints(name, text), isEmpty: true };
}

/** A route configuration that refers to `to`. */
export function route(name: string, text = '1', to = 'none'): XdsResource {
  return resource(
    {
      '@type': typeUrls.route,
      name,
      virtual_hosts: [
        {
          name: text,
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, route: { cluster: to } }],
        },
      ],
    },
    name,
    false,
  );
}

/** A virtual host that refers to `to`. */
export function virtualHost(name: string, text = '1', to = 'none', isEager = true): XdsResource {
  return resource(
    {
      '@type': typeUrls.virtualHost,
      name,
      domains: [text],
      routes: [{ match: { prefix: '/' }, route: { cluster: to } }],
    },
    name,
    isEager,
  );
}

/** A listener without chains. */
export function listener(name: string, text = '1'): XdsResource {
  return resource({ '@type': typeUrls.listener, name, stat_prefix: text }, name, true);
}

/** A secret without contents. */
export function secret(name: string, text = '1'): XdsResource {
  return resource(
    { '@type': typeUrls.secret, name, generic_secret: { secret: { inline_string: text } } },
    name,
    false,
  );
}

/** The changes that set `resources` in a scope. */
export function set(resources: readonly XdsResource[], scope = meshScope): ResourceChange[] {
  return resources.map((one) => ({ scope, typeUrl: one.typeUrl, name: one.name, resource: one }));
}

/** The changes that remove resources. */
export function remove(resources: readonly XdsResource[], scope = meshScope): ResourceChange[] {
  return resources.map(({ typeUrl, name }) => ({ scope, typeUrl, name }));
}

/** What a client reads in one resource of a response. */
export interface ReadResource {
  readonly name: string;
  /** Empty in state-of-the-world responses. */
  readonly version: string;
  readonly aliases: readonly string[];
  /** Undefined: the response carries no body. */
  readonly text: string | undefined;
  /** Clusters that the body refers to. */
  readonly refersTo: readonly string[];
  /** Route configurations that the body refers to. */
  readonly routes: readonly string[];
  /** Filters whose configuration comes as a resource of its own (ECDS). */
  readonly extensions: readonly string[];
}

/** What a client reads in a response. */
export interface ReadResponse {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly versionInfo: string;
  readonly resources: readonly ReadResource[];
  readonly removed: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

const discovery = 'type.googleapis.com/envoy.service.discovery.v3.';

/** Takes a response apart as a client does. */
export function readResponse(bytes: Uint8Array, isDelta: boolean): ReadResponse {
  const name = isDelta ? 'DeltaDiscoveryResponse' : 'DiscoveryResponse';
  const raw = decodeUnknown(`${discovery}${name}`, bytes) as Fields;
  const resources = (raw['resources'] ?? []) as readonly Fields[];
  return {
    typeUrl: (raw['type_url'] ?? '') as string,
    nonce: (raw['nonce'] ?? '') as string,
    versionInfo: (raw['version_info'] ?? '') as string,
    resources: resources.map((one) =>
      isDelta
        ? {
            ...readBody(one['resource'] as Fields | undefined),
            name: (one['name'] ?? '') as string,
            version: (one['version'] ?? '') as string,
            aliases: (one['aliases'] ?? []) as readonly string[],
          }
        : readBody(one),
    ),
    removed: (raw['removed_resources'] ?? []) as readonly string[],
  };
}

function readBody(body: Fields | undefined): ReadResource {
  const none = {
    name: '',
    version: '',
    aliases: [],
    text: undefined,
    refersTo: [],
    routes: [],
    extensions: [],
  };
  if (body === undefined) return none;
  const json = JSON.stringify(body);
  const refersTo = [...json.matchAll(/"cluster":"([^"]*)"/g)].flatMap(([, to]) => to ?? []);
  const routes = [...json.matchAll(/"route_config_name":"([^"]*)"/g)].flatMap(([, to]) => to ?? []);
  const name = (body['name'] ?? body['cluster_name'] ?? '') as string;
  return {
    ...none,
    name,
    text: textOf(body),
    refersTo: refersTo.filter((to) => to !== 'none'),
    routes,
    extensions: [...json.matchAll(/"name":"([^"]*)","config_discovery"/g)].flatMap(
      ([, name]) => name ?? [],
    ),
  };
}

function textOf(body: Fields): string {
  const json = JSON.stringify(body);
  const patterns = [
    /"alt_stat_name":"([^"]*)"/,
    /"zone":"([^"]*)"/,
    /"stat_prefix":"([^"]*)"/,
    /"virtual_hosts":\[\{"name":"([^"]*)"/,
    /"domains":\["([^"]*)"\]/,
    /"inline_string":"([^"]*)"/,
  ];
  for (const pattern of patterns) {
    const text = pattern.exec(json)?.[1];
    if (text !== undefined) return text;
  }
  return '';
}
