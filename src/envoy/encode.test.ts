// The codec: what goes in comes out, equal means equal bytes, and what does not fit is refused.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { envoyDescriptor } from './descriptor.js';
import { decode, decodeUnknown, encode, encodeResource, encodeUnknown } from './encode.js';
import { arbitraryMessage } from './testing/arbitrary-message.js';

const prefix = 'type.googleapis.com/';
const reference = protobuf.Root.fromJSON(envoyDescriptor());

const names = [
  'envoy.config.cluster.v3.Cluster',
  'envoy.config.endpoint.v3.ClusterLoadAssignment',
  'envoy.config.listener.v3.Listener',
  'envoy.config.route.v3.RouteConfiguration',
  'envoy.config.core.v3.Node',
  'envoy.config.rbac.v3.RBAC',
  'envoy.admin.v3.ServerInfo',
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
  'envoy.extensions.transport_sockets.tls.v3.Secret',
  'envoy.service.discovery.v3.DeltaDiscoveryRequest',
  'io.prometheus.client.MetricFamily',
];

describe('laws of the codec', () => {
  test.each(names)('%s comes back as it went in', (name) => {
    fc.assert(
      fc.property(arbitraryMessage(name, 3), (message) => {
        const bytes = encodeUnknown(prefix + name, message);
        expect(decodeUnknown(prefix + name, bytes)).toEqual(message);
      }),
      { numRuns: 60 },
    );
  });

  // Rules may hold maps with negative keys, which protobufjs does not write back.
  const readable = names.filter((name) => name !== 'envoy.config.rbac.v3.RBAC');
  test.each(readable)('protobufjs reads %s and writes the same bytes', (name) => {
    const type = reference.lookupType(name);
    fc.assert(
      fc.property(arbitraryMessage(name, 3), (message) => {
        const bytes = encodeUnknown(prefix + name, message);
        const again = type.encode(type.decode(bytes)).finish();
        expect(Buffer.from(again).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
      }),
      { numRuns: 60 },
    );
  });

  test('the order in which keys were written does not change the bytes', () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([key, inner]) => [key, reversed(inner)]),
      );
    };
    fc.assert(
      fc.property(arbitraryMessage('envoy.config.cluster.v3.Cluster', 3), (message) => {
        const type = `${prefix}envoy.config.cluster.v3.Cluster`;
        expect(encodeUnknown(type, reversed(message))).toEqual(encodeUnknown(type, message));
      }),
      { numRuns: 60 },
    );
  });

  test('bytes that are no message end in an error, never in a hang', () => {
    const type = `${prefix}envoy.service.discovery.v3.DeltaDiscoveryRequest`;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          expect(typeof decodeUnknown(type, bytes)).toBe('object');
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
    );
  });
});

describe('canonical form', () => {
  const cluster = `${prefix}envoy.config.cluster.v3.Cluster` as const;

  test('equal bytes to those of protobufjs where both take the same spelling', () => {
    const message = {
      cluster_name: 'a',
      endpoints: [
        {
          locality: { zone: 'z' },
          priority: 1,
          lb_endpoints: [
            { endpoint: { address: { socket_address: { address: '::1', port_value: 80 } } } },
          ],
        },
      ],
    };
    const type = reference.lookupType('envoy.config.endpoint.v3.ClusterLoadAssignment');
    const theirs = type.encode(type.fromObject(message)).finish();
    const ours = encode(`${prefix}envoy.config.endpoint.v3.ClusterLoadAssignment`, message);
    expect(Buffer.from(ours).toString('hex')).toBe(Buffer.from(theirs).toString('hex'));
  });

  test('a zero scalar, an undefined field and an empty list are the same as nothing', () => {
    const spelled = {
      name: '',
      type: 'STATIC' as const,
      close_connections_on_host_health_failure: false,
    };
    expect(
      encodeUnknown(cluster, { ...spelled, filters: [], alt_stat_name: undefined }),
    ).toHaveLength(2);
    expect(decode(cluster, encode(cluster, spelled))).toEqual({ type: 'STATIC' });
  });

  test('a zero wrapper and a zero member of a choice are kept', () => {
    const address = `${prefix}envoy.config.core.v3.SocketAddress`;
    const port = { port_value: 0 };
    expect(decodeUnknown(address, encodeUnknown(address, port))).toEqual(port);
    const weighted = { load_balancing_weight: 0 };
    const endpoint = `${prefix}envoy.config.endpoint.v3.LocalityLbEndpoints`;
    expect(decodeUnknown(endpoint, encodeUnknown(endpoint, weighted))).toEqual(weighted);
  });

  test('two spellings of one duration give the same bytes', () => {
    expect(encode(cluster, { connect_timeout: '1.50s' })).toEqual(
      encode(cluster, { connect_timeout: '1.5s' }),
    );
  });

  test('a map key that names a prototype is a key as any other', () => {
    const type = `${prefix}envoy.service.discovery.v3.DeltaDiscoveryRequest` as const;
    const versions = JSON.parse('{"__proto__": "1"}') as Record<string, string>;
    const bytes = encode(type, { initial_resource_versions: versions });
    const decoded = decode(type, bytes).initial_resource_versions;
    expect(Object.entries(decoded ?? {})).toEqual([['__proto__', '1']]);
  });

  test('the version of a resource is the first 16 digits of the hash of its bytes', () => {
    const { version, bytes, name, typeUrl } = encodeResource({ '@type': cluster, name: 'a' }, 'a');
    expect({ version, name, typeUrl, bytes: Buffer.from(bytes).toString('hex') }).toEqual({
      // printf '\x0a\x01a' | sha256sum
      version: '23dca2a742961237',
      name: 'a',
      typeUrl: cluster,
      bytes: '0a0161',
    });
  });
});

describe('what does not fit is refused with its place', () => {
  const listener = `${prefix}envoy.config.listener.v3.Listener`;
  const filter = (config: unknown) => ({
    filter_chains: [{ filters: [{ typed_config: config }] }],
  });
  const tcp = `${prefix}envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy`;
  const at = 'filter_chains[0].filters[0].typed_config';

  test.each([
    [{ nam: 'x' }, `unknown field 'nam' of envoy.config.listener.v3.Listener`],
    [{ name: 5 }, 'name: expected a string, found 5'],
    [{ name: null }, 'name: expected a string, found null'],
    [{ filter_chains: {} }, 'filter_chains: expected a list, found an object'],
    [{ filter_chains: ['x'] }, 'filter_chains[0]: expected an object, found "x"'],
    [{ transparent: 'yes' }, 'transparent: expected true or false, found "yes"'],
    [
      { listener_filters_timeout: 5 },
      `listener_filters_timeout: expected a duration like '1.5s', found 5`,
    ],
    [
      { per_connection_buffer_limit_bytes: -1 },
      'per_connection_buffer_limit_bytes: expected an integer from 0 to 4294967295, found -1',
    ],
    [
      { tcp_fast_open_queue_length: 1.5 },
      'tcp_fast_open_queue_length: expected an integer from 0 to 4294967295, found 1.5',
    ],
    [{ drain_type: 'never' }, 'drain_type: expected one of DEFAULT, MODIFY_ONLY, found "never"'],
    [
      { address: { pipe: {}, socket_address: {} } },
      `address: 'pipe' and 'socket_address' cannot both be set: they are one choice (address)`,
    ],
    [{ '@type': tcp }, `unknown field '@type' of envoy.config.listener.v3.Listener`],
    [filter({}), `${at}: expected '@type', found null`],
    [filter({ '@type': `${prefix}x.Y` }), `${at}: unknown type '${prefix}x.Y'`],
    [
      filter({ '@type': tcp, cluster: 'a', weighted_clusters: {} }),
      `${at}: 'cluster' and 'weighted_clusters' cannot both be set: they are one choice (cluster_specifier)`,
    ],
    [
      filter({ '@type': tcp, stat_prefix: {} }),
      `${at}.stat_prefix: expected a string, found an object`,
    ],
  ])('%j', (message, problem) => {
    expect(() => encodeUnknown(listener, message)).toThrow(new Error(problem));
  });

  test('a metadata value that JSON cannot hold', () => {
    const metadata = { filter_metadata: { a: { b: [1, NaN] } } };
    expect(() => encodeUnknown(listener, { metadata })).toThrow(
      new Error('metadata.filter_metadata.a.b[1]: expected a JSON value, found NaN'),
    );
  });

  test('a type that is not known', () => {
    expect(() => encodeUnknown(`${prefix}x.Y`, {})).toThrow(`unknown type '${prefix}x.Y'`);
  });
});

describe('decoding', () => {
  test('an Any of an unknown type keeps its bytes', () => {
    const writer = protobuf.Writer.create();
    writer.uint32(26).fork().uint32(10).string('x/Y').uint32(18).bytes(Buffer.from('hi')).ldelim();
    const type = `${prefix}envoy.config.core.v3.TypedExtensionConfig`;
    const bytes = writer.finish();
    expect(decodeUnknown(type, Buffer.from(bytes).fill(0x12, 0, 1))).toEqual({
      typed_config: { '@type': 'x/Y', value: 'aGk=' },
    });
  });

  test('fields that are not known are left out', () => {
    const writer = protobuf.Writer.create().uint32(10).string('p').uint32(8002).string('new');
    const type = `${prefix}envoy.config.core.v3.Pipe`;
    expect(decodeUnknown(type, writer.finish())).toEqual({ path: 'p' });
  });

  test('nesting deeper than a hundred levels is refused', () => {
    let bytes = Buffer.alloc(0);
    for (let i = 0; i < 300; i++) {
      const list = protobuf.Writer.create().uint32(50).fork().uint32(10).bytes(bytes).ldelim();
      bytes = Buffer.from(list.finish());
    }
    expect(() => decodeUnknown(`${prefix}google.protobuf.Value`, bytes)).toThrow('nested deeper');
  });
});
