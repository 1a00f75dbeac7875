/** Test support: a stock Envoy on loopback that is configured over ADS. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeUnknown, typeUrls, versionOf } from '../../envoy/index.js';
import type { XdsResource } from '../resource.js';
import { freePort } from '../../lib/testing/free-port.js';

/** A running Envoy. */
export interface RunningEnvoy {
  /** The value of a counter or gauge. */
  stat(name: string): Promise<number>;
  /** What it has logged so far. */
  log(): string;
  stop(): Promise<void>;
}

/** A reply. */
export interface Reply {
  readonly status: number;
  readonly body: string;
}

/** The path of the binary. @throws Error where there is none: tests never skip what they promise. */
function envoyBinary(): string {
  const finder = join(import.meta.dirname, '../../../scripts/envoy-path.mjs');
  return execFileSync(process.execPath, [finder], { encoding: 'utf8' }).trim();
}

/** One GET to loopback; fails after ten seconds. */
export function get(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const call = request(
      { host: '127.0.0.1', port, path, headers, agent: false, timeout: 10_000 },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => {
          body += text;
        });
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body });
        });
      },
    );
    call.on('timeout', () => call.destroy(new Error('no reply')));
    call.on('error', reject);
    call.end();
  });
}

/** Starts Envoy as `sidecar`, with the token that the test mesh takes. */
export async function startEnvoy(options: {
  readonly xdsPort: number;
  readonly isDelta: boolean;
}): Promise<RunningEnvoy> {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-xds-'));
  const adminPort = await freePort();
  const [config, log] = [join(folder, 'bootstrap.json'), join(folder, 'log')];
  writeFileSync(config, JSON.stringify(bootstrap({ ...options, adminPort })));
  const args = ['-c', config, '--concurrency', '1', '--use-dynamic-base-id', '--log-path', log];
  const child = spawn(envoyBinary(), [...args, '-l', 'info'], { stdio: 'ignore' });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve();
    });
  });
  return {
    stat: async (name) => {
      const { body } = await get(adminPort, `/stats?filter=^${name}$`);
      return Number(/: (\d+)/.exec(body)?.[1] ?? NaN);
    },
    log: () => readFileSync(log, 'utf8'),
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function bootstrap(options: {
  readonly xdsPort: number;
  readonly adminPort: number;
  readonly isDelta: boolean;
}): unknown {
  const address = (port: number): unknown => ({
    socket_address: { address: '127.0.0.1', port_value: port },
  });
  const ads = { ads: {}, resource_api_version: 'V3' };
  return {
    node: { id: 'sidecar', cluster: 'test' },
    admin: { address: address(options.adminPort) },
    dynamic_resources: {
      ads_config: {
        api_type: options.isDelta ? 'DELTA_GRPC' : 'GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [
          {
            envoy_grpc: {
              cluster_name: 'xds',
              retry_policy: { retry_back_off: { base_interval: '0.1s', max_interval: '0.5s' } },
            },
            initial_metadata: [{ key: 'authorization', value: 'Bearer token:sidecar' }],
          },
        ],
      },
      cds_config: ads,
      lds_config: ads,
    },
    static_resources: {
      clusters: [
        {
          name: 'xds',
          type: 'STATIC',
          connect_timeout: '1s',
          load_assignment: {
            cluster_name: 'xds',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(options.xdsPort) } }] }],
          },
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              explicit_http_config: {
                http2_protocol_options: {
                  connection_keepalive: { interval: '2s', timeout: '1s' },
                },
              },
            },
          },
        },
      ],
    },
  };
}

/** A resource from Envoy's own spelling. */
export function spelled(
  typeUrl: string,
  name: string,
  message: unknown,
  isEager = true,
): XdsResource {
  const bytes = encodeUnknown(typeUrl, message);
  return { typeUrl, name, version: versionOf(bytes), bytes, isEager, origins: [] };
}

const ads = { ads: {}, resource_api_version: 'V3' };

/** A cluster whose endpoints come over ADS. */
export function edsCluster(name: string, extra: object = {}, isEager = true): XdsResource {
  const message = {
    name,
    type: 'EDS',
    eds_cluster_config: { service_name: name, eds_config: ads },
    connect_timeout: '1s',
    ...extra,
  };
  return spelled(typeUrls.cluster, name, message, isEager);
}

/** Endpoints on loopback. */
export function assignment(name: string, ports: readonly number[]): XdsResource {
  const message = {
    cluster_name: name,
    endpoints: [
      {
        lb_endpoints: ports.map((port) => ({
          endpoint: {
            address: { socket_address: { address: '127.0.0.1', port_value: port } },
          },
        })),
      },
    ],
  };
  return spelled(typeUrls.endpoint, name, message, false);
}

/** The listener, whose routes come over ADS; with `isOnDemand` unknown clusters are asked for. */
export function httpListener(port: number, isOnDemand: boolean): XdsResource {
  const filters = 'type.googleapis.com/envoy.extensions.filters';
  const onDemand = {
    name: 'envoy.filters.http.on_demand',
    typed_config: {
      '@type': `${filters}.http.on_demand.v3.OnDemand`,
      odcds: { source: ads, timeout: '5s' },
    },
  };
  const message = {
    name: 'outbound',
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: {
              '@type': `${filters}.network.http_connection_manager.v3.HttpConnectionManager`,
              stat_prefix: 'out',
              rds: { route_config_name: 'http', config_source: ads },
              http_filters: [
                ...(isOnDemand ? [onDemand] : []),
                {
                  name: 'envoy.filters.http.router',
                  typed_config: { '@type': `${filters}.http.router.v3.Router` },
                },
              ],
            },
          },
        ],
      },
    ],
  };
  return spelled(typeUrls.listener, 'outbound', message);
}

/** Routes by the header `x-dst`: to the virtual hosts of VHDS, else to the cluster of that name. */
export function onDemandRoutes(): XdsResource {
  const message = {
    name: 'http',
    vhost_header: 'x-dst',
    virtual_hosts: [
      {
        name: 'any',
        domains: ['*'],
        routes: [{ match: { prefix: '/' }, route: { cluster_header: 'x-dst' } }],
      },
    ],
    vhds: { config_source: ads },
  };
  return spelled(typeUrls.route, 'http', message, false);
}

/** Sends everything to one cluster. */
export function plainRoutes(cluster: string): XdsResource {
  const message = {
    name: 'http',
    virtual_hosts: [
      { name: 'any', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster } }] },
    ],
  };
  return spelled(typeUrls.route, 'http', message, false);
}

/** A virtual host for the value `domain` of `x-dst`. */
export function host(name: string, domain: string, action: object): XdsResource {
  const message = {
    name: `http/${name}`,
    domains: [domain],
    routes: [{ match: { prefix: '/' }, ...action }],
  };
  return spelled(typeUrls.virtualHost, `http/${name}`, message);
}
