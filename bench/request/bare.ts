/**
 * The floor: two stock Envoys that pass on what they are given, as little configured as can be. They stand
 * where sidecars do, one at each end, without TLS, redirection or any filter beside router and TCP proxy.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startProcess, type Pod, type RunningProcess } from '../../demo/rig/index.js';
import { proxyCommand } from '../../src/sidecar/index.js';
import type { Protocol } from './manifests.js';

interface Address {
  readonly address: string;
  readonly port: number;
}

/** One listener, and where it passes to. */
interface Hop {
  readonly name: string;
  readonly isHttp: boolean;
  readonly from: Address;
  readonly to: Address;
}

/** Ports that nobody else has, and for which no right is needed. */
const callerPorts = 10_000;
const serverPorts = 20_000;

/** Where the caller finds its Envoy. */
export function bareAddress({ port }: Protocol): Address {
  return { address: '127.0.0.1', port: callerPorts + port };
}

/** Starts both: the caller's passes to the server's, and this one to the app. Does not wait for them. */
export async function startBareEnvoys(
  { caller, server }: { readonly caller: Pod; readonly server: Pod },
  protocols: readonly Protocol[],
): Promise<readonly [caller: RunningProcess, server: RunningProcess]> {
  const hops = protocols.map((protocol): readonly [Hop, Hop] => {
    const { name, targetPort } = protocol;
    const isHttp = protocol.appProtocol !== 'tcp';
    const between = { address: server.manifest.ip, port: serverPorts + targetPort };
    const app = { address: '127.0.0.1', port: targetPort };
    return [
      { name, isHttp, from: bareAddress(protocol), to: between },
      { name, isHttp, from: between, to: app },
    ];
  });
  const callers = await startBare(
    caller,
    hops.map(([hop]) => hop),
  );
  try {
    const servers = await startBare(
      server,
      // HTTP/1.1 and HTTP/2 have one port there.
      uniqueByPort(hops.map(([, hop]) => hop)),
    );
    return [callers, servers];
  } catch (error) {
    await callers.stop();
    throw error;
  }
}

function uniqueByPort(hops: readonly Hop[]): readonly Hop[] {
  return [...new Map(hops.map((hop) => [hop.from.port, hop])).values()];
}

async function startBare(pod: Pod, hops: readonly Hop[]): Promise<RunningProcess> {
  const bootstrapPath = join(pod.directory, 'bare.json');
  await writeFile(bootstrapPath, JSON.stringify(bareBootstrap(hops)));
  // As many workers as the rig's sidecars have.
  const { file, args } = proxyCommand({
    envoyPath: pod.envoy,
    ...{ bootstrapPath, runAs: 'caller', concurrency: 1 },
  });
  return await startProcess({
    name: `bare Envoy in ${pod.key}`,
    argv: pod.argv([file, ...args]),
    logFile: join(pod.directory, 'bare.log'),
  });
}

function bareBootstrap(hops: readonly Hop[]): unknown {
  return {
    static_resources: {
      listeners: hops.map((hop) => ({
        name: hop.name,
        address: socketAddress(hop.from),
        filter_chains: [{ filters: [hop.isHttp ? connectionManager(hop) : tcpProxy(hop)] }],
      })),
      clusters: hops.map(bareCluster),
    },
  };
}

function bareCluster({ name, isHttp, to }: Hop) {
  const options = {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    use_downstream_protocol_config: { http2_protocol_options: {} },
  };
  return {
    name,
    type: 'STATIC',
    ...(isHttp
      ? {
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': options,
          },
        }
      : {}),
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(to) } }] }],
    },
  };
}

const networkFilters = 'type.googleapis.com/envoy.extensions.filters.network';

function connectionManager({ name }: Hop) {
  const routes = [{ match: { prefix: '' }, route: { cluster: name, timeout: '0s' } }];
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': `${networkFilters}.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: name,
      route_config: { name, virtual_hosts: [{ name, domains: ['*'], routes }] },
      http_filters: [
        {
          name: 'envoy.filters.http.router',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
          },
        },
      ],
    },
  };
}

function tcpProxy({ name }: Hop) {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: {
      '@type': `${networkFilters}.tcp_proxy.v3.TcpProxy`,
      ...{ stat_prefix: name, cluster: name },
    },
  };
}

function socketAddress({ address, port }: Address) {
  return { socket_address: { address, port_value: port } };
}
