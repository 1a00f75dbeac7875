/** Tests of the load generator's parts that touch no network: bytes, references, draws, the sidecar's questions. */
import { describe, expect, test } from '@jest/globals';
import {
  any,
  decodeDeltaDiscoveryRequest,
  encodeDeltaDiscoveryResponse,
  encodeResource,
  typeUrls,
  type AnyMessage,
  type DeltaDiscoveryRequest,
} from '../../src/envoy/index.js';
import { createUnframer } from './connection.js';
import { createDraw, createRandom } from './draw.js';
import { drawUses, favourite } from './mesh.js';
import { referencesOf } from './references.js';
import { createSimulatedSidecar } from './simulated-sidecar.js';
import { frameRequest, readResponse } from './wire.js';

interface Named {
  readonly name: string;
  readonly version: string;
  readonly bytes?: Uint8Array;
}

function response(
  typeUrl: string,
  resources: readonly Named[],
  removed: readonly string[] = [],
): Buffer {
  return Buffer.from(
    encodeDeltaDiscoveryResponse({
      ...{ type_url: typeUrl, nonce: '7', system_version_info: '3' },
      ...{ resources, removed_resources: removed },
    }),
  );
}

function encoded(name: string, message: AnyMessage): Named {
  const { version, bytes } = encodeResource(message, name);
  return { name, version, bytes };
}

const ads = { resource_api_version: 'V3', ads: {} } as const;

function sockets(secret: string): Parameters<typeof any<'envoy.config.cluster.v3.Cluster'>>[1] {
  return {
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: any('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
        common_tls_context: {
          tls_certificate_sds_secret_configs: [{ name: secret, sds_config: ads }],
        },
      }),
    },
  };
}

const cluster = encoded(
  'c',
  any('envoy.config.cluster.v3.Cluster', {
    ...{ name: 'c', type: 'EDS', eds_cluster_config: { eds_config: ads } },
    ...sockets('own'),
  }),
);

const listener = encoded(
  'l',
  any('envoy.config.listener.v3.Listener', {
    name: 'l',
    default_filter_chain: {
      filters: [
        {
          name: 'http',
          typed_config: any(
            'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
            {
              rds: { route_config_name: 'routes', config_source: ads },
              http_filters: [{ name: 'jwt', config_discovery: { config_source: ads } }],
            },
          ),
        },
      ],
    },
  }),
);

const routes = encoded(
  'routes',
  any('envoy.config.route.v3.RouteConfiguration', { name: 'routes', vhds: { config_source: ads } }),
);

const empty = { name: 'x', version: '1', bytes: Buffer.of() };

describe('the wire', () => {
  test('names, versions and nonces are read as they were written, bodies are found', () => {
    const bytes = response(
      typeUrls.endpoint,
      [
        { name: 'a', version: 'v1', bytes: Buffer.from('abc') },
        { name: 'ä', version: 'v2' },
      ],
      ['gone'],
    );
    const read = readResponse(bytes);
    expect(read).toMatchObject({ typeUrl: typeUrls.endpoint, nonce: '7', removed: ['gone'] });
    expect(read.resources.map(({ name, version }) => [name, version])).toEqual([
      ['a', 'v1'],
      ['ä', 'v2'],
    ]);
    const [first, second] = read.resources;
    expect(bytes.toString('utf8', first?.body?.from, first?.body?.to)).toBe('abc');
    expect(second?.body).toBeUndefined();
  });

  test('a request is what a server reads', () => {
    const framed = frameRequest({
      ...{ typeUrl: typeUrls.cluster, subscribe: ['*', 'a'], unsubscribe: ['b'], nonce: '9' },
      initialVersions: new Map([['a', 'v1']]),
    });
    expect(framed.readUInt32BE(1)).toBe(framed.length - 5);
    expect(decodeDeltaDiscoveryRequest(framed.subarray(5))).toMatchObject({
      ...{ type_url: typeUrls.cluster, response_nonce: '9' },
      ...{ resource_names_subscribe: ['*', 'a'], resource_names_unsubscribe: ['b'] },
      initial_resource_versions: new Map([['a', 'v1']]),
    });
  });

  test.each([1, 3, 5, 6, 1000])('messages in chunks of %d bytes come out whole', (size) => {
    const texts = ['one', '', 'x'.repeat(300)];
    const framed = Buffer.concat(
      texts.map((text) => {
        const head = Buffer.alloc(5);
        head.writeUInt32BE(text.length, 1);
        return Buffer.concat([head, Buffer.from(text)]);
      }),
    );
    const got: string[] = [];
    const take = createUnframer((bytes) => got.push(bytes.toString()));
    for (let at = 0; at < framed.length; at += size) take(framed.subarray(at, at + size));
    expect(got).toEqual(texts);
  });
});

describe('references', () => {
  test.each([
    ['a cluster', typeUrls.cluster, cluster, { endpoint: ['c'], secret: ['own'] }],
    ['a listener', typeUrls.listener, listener, { route: ['routes'], extensionConfig: ['jwt'] }],
    ['a route configuration', typeUrls.route, routes, { virtualHost: ['*'] }],
  ])('%s names what an Envoy asks for', (_, typeUrl, resource, expected) => {
    const bytes = response(typeUrl, [resource]);
    const [read = { name: '', version: '' }] = readResponse(bytes).resources;
    const found = [...referencesOf(bytes, typeUrl, read)].filter(([, names]) => names.length > 0);
    const byType = new Map<string, string>(
      Object.entries(typeUrls).map(([key, url]) => [url, key]),
    );
    expect(Object.fromEntries(found.map(([url, names]) => [byType.get(url), names]))).toEqual(
      expected,
    );
  });
});

describe('what apps call', () => {
  test('is the same for a seed, without repetition, and skewed', () => {
    const draw = createDraw(1000, createRandom(3));
    const again = createDraw(1000, createRandom(3));
    const counts = new Map<number, number>();
    for (let sidecar = 0; sidecar < 500; sidecar += 1) {
      const drawn = draw(10);
      expect(new Set(drawn).size).toBe(10);
      expect(drawn).toEqual(again(10));
      for (const rank of drawn) counts.set(rank, (counts.get(rank) ?? 0) + 1);
    }
    expect(counts.get(0) ?? 0).toBeGreaterThan(200);
    expect(counts.get(500) ?? 0).toBeLessThan(50);
  });

  test('the first sidecar calls the favourite', () => {
    const sizes = { services: 500, endpoints: 1, sidecars: 1, used: 1 };
    expect(drawUses(sizes)[0]).toEqual([favourite]);
  });
});

describe('a simulated sidecar', () => {
  function open(uses: readonly string[]): {
    readonly asked: DeltaDiscoveryRequest[];
    readonly isConfigured: () => number;
    readonly sidecar: ReturnType<typeof createSimulatedSidecar>;
  } {
    const asked: DeltaDiscoveryRequest[] = [];
    let configured = 0;
    const sidecar = createSimulatedSidecar({
      node: Buffer.of(),
      uses,
      send: (framed) => asked.push(decodeDeltaDiscoveryRequest(framed.subarray(5))),
      onConfigured: () => (configured += 1),
      onResponse: () => undefined,
    });
    return { asked, sidecar, isConfigured: () => configured };
  }

  /** What is asked for since the last call, by the last part of the type. */
  function questions(asked: DeltaDiscoveryRequest[]): readonly string[] {
    return asked
      .splice(0)
      .filter(({ resource_names_subscribe: names }) => names.length > 0)
      .map(
        (one) => `${one.type_url.split('.').at(-1) ?? ''} ${one.resource_names_subscribe.join()}`,
      );
  }

  test('asks in the order of an Envoy, and is configured when everything was answered', () => {
    const { asked, sidecar, isConfigured } = open(['used']);
    sidecar.start();
    expect(questions(asked)).toEqual(['Cluster *']);
    sidecar.take(response(typeUrls.cluster, [cluster]));
    expect(questions(asked)).toEqual(['ClusterLoadAssignment c', 'Secret own']);
    sidecar.take(response(typeUrls.endpoint, [{ ...empty, name: 'c' }]));
    expect(questions(asked)).toEqual([]);
    sidecar.take(response(typeUrls.secret, [{ ...empty, name: 'own' }]));
    expect(questions(asked)).toEqual(['Listener *']);
    sidecar.take(response(typeUrls.listener, [listener]));
    expect(questions(asked)).toEqual(['TypedExtensionConfig jwt', 'RouteConfiguration routes']);
    sidecar.take(response(typeUrls.extensionConfig, [{ ...empty, name: 'jwt' }]));
    sidecar.take(response(typeUrls.route, [routes]));
    expect(questions(asked)).toEqual(['VirtualHost *']);
    sidecar.take(response(typeUrls.virtualHost, [], ['http/_']));
    expect(questions(asked)).toEqual(['Cluster used']);
    expect(isConfigured()).toBe(0);
    expect(sidecar.waiting()).toEqual(['Cluster used']);
    sidecar.take(response(typeUrls.cluster, [{ ...empty, name: 'used' }]));
    expect(isConfigured()).toBe(1);
  });

  test('comes back with what it holds', () => {
    const { asked, sidecar, isConfigured } = open([]);
    sidecar.start();
    sidecar.take(response(typeUrls.cluster, [{ ...empty, name: 'used' }]));
    sidecar.take(response(typeUrls.listener, []));
    expect(isConfigured()).toBe(1);
    asked.splice(0);
    sidecar.resume();
    expect(asked[0]).toMatchObject({
      ...{ type_url: typeUrls.cluster, resource_names_subscribe: ['*'] },
      initial_resource_versions: new Map([['used', '1']]),
    });
    const marker = asked.at(-1)?.resource_names_subscribe ?? [];
    sidecar.take(response(typeUrls.endpoint, [], marker));
    expect(isConfigured()).toBe(2);
  });
});
