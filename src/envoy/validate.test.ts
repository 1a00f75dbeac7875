// A bootstrap that went through the codec is one that the stock Envoy loads.
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { any, decode, encodeUnknown, toYaml, type Bootstrap } from './index.js';
import { validateBootstrap } from './testing/envoy-binary.js';

const type = 'type.googleapis.com/envoy.config.bootstrap.v3.Bootstrap' as const;

const bootstrap: Bootstrap = {
  node: { id: 'sidecar', cluster: 'test', metadata: { labels: { app: 'a' }, port: 80 } },
  admin: { address: { pipe: { path: '@skerry-test-admin' } }, allow_paths: [{ exact: '/stats' }] },
  stats_config: { stats_matcher: { inclusion_list: { patterns: [{ prefix: 'server.' }] } } },
  static_resources: {
    listeners: [
      {
        name: 'outbound',
        address: { socket_address: { address: '127.0.0.1', port_value: 15001 } },
        listener_filters: [
          {
            name: 'original_dst',
            typed_config: any('envoy.extensions.filters.listener.original_dst.v3.OriginalDst', {}),
          },
          {
            name: 'tls_inspector',
            filter_disabled: { destination_port_range: { start: 3306, end: 3307 } },
            typed_config: any('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector', {
              close_connection_on_client_hello_parsing_errors: true,
            }),
          },
        ],
        filter_chains: [
          {
            filter_chain_match: { application_protocols: ['http/1.1'] },
            filters: [
              {
                name: 'http',
                typed_config: {
                  '@type':
                    'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                  stat_prefix: 'http',
                  early_header_mutation_extensions: [
                    {
                      name: 'dst',
                      typed_config: any(
                        'envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation',
                        {
                          mutations: [
                            {
                              append: {
                                header: {
                                  key: 'x-skerry-dst',
                                  value: '%DOWNSTREAM_LOCAL_ADDRESS%',
                                },
                                append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
                              },
                            },
                          ],
                        },
                      ),
                    },
                  ],
                  access_log: [
                    {
                      name: 'stats',
                      typed_config: any('envoy.extensions.access_loggers.stats.v3.Config', {
                        stat_prefix: 'mesh',
                        counters: [
                          {
                            stat: {
                              name: 'requests',
                              tags: [{ name: 'code', value_format: '%RESPONSE_CODE%' }],
                            },
                            value_fixed: 1,
                          },
                        ],
                      }),
                    },
                  ],
                  route_config: {
                    name: 'http',
                    vhost_header: 'x-skerry-dst',
                    virtual_hosts: [
                      {
                        name: 'any',
                        domains: ['*'],
                        routes: [
                          {
                            match: { prefix: '/' },
                            route: { cluster_header: 'x-skerry-dst', timeout: '0s' },
                          },
                        ],
                      },
                    ],
                  },
                  http_filters: [
                    {
                      name: 'router',
                      typed_config: any('envoy.extensions.filters.http.router.v3.Router', {}),
                    },
                  ],
                },
              },
            ],
          },
        ],
        default_filter_chain: {
          filters: [
            {
              name: 'destination',
              typed_config: any('envoy.extensions.filters.network.set_filter_state.v3.Config', {
                on_new_connection: [
                  {
                    object_key: 'envoy.tcp_proxy.cluster',
                    format_string: { text_format_source: { inline_string: 'passthrough' } },
                  },
                ],
              }),
            },
            {
              name: 'tcp',
              typed_config: any('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
                stat_prefix: 'tcp',
                cluster: 'passthrough',
                max_early_data_bytes: 1024,
                upstream_connect_mode: 'ON_DOWNSTREAM_DATA',
              }),
            },
          ],
        },
      },
    ],
    clusters: [
      {
        name: 'passthrough',
        type: 'ORIGINAL_DST',
        lb_policy: 'CLUSTER_PROVIDED',
        connect_timeout: '1.5s',
        circuit_breakers: { thresholds: [{ priority: 'HIGH', max_requests: 0 }] },
      },
    ],
  },
};

describe('a bootstrap', () => {
  test('loads in the stock Envoy after a round trip through bytes and YAML', () => {
    const decoded = decode(type, encodeUnknown(type, parse(toYaml(bootstrap))));
    expect(decoded).toEqual(bootstrap);
    expect(validateBootstrap(toYaml(decoded))).toEqual({ ok: true, output: expect.any(String) });
  });

  test('with a field that Envoy does not know is refused by both', () => {
    const wrong = { ...bootstrap, static_resource: {} };
    expect(() => encodeUnknown(type, wrong)).toThrow(`unknown field 'static_resource'`);
    const { ok, output } = validateBootstrap(toYaml(wrong));
    expect(ok).toBe(false);
    expect(output).toContain('static_resource');
  });
});
