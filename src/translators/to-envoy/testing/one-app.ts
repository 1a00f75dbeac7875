/** Many inbound ports before one app, and requests to them line by line. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cluster } from '../../../envoy/index.js';
import type { InboundPortIr } from '../../../ir/index.js';
import { inboundClusterName } from '../contract.js';
import { spellFixedClusters, spellInbound } from '../spell.js';
import { makeAuthority, type Authority, type Certificate } from './certificates.js';
import { dial, echoHttp, receive, startApp } from './clients.js';
import { envoyBinary, startEnvoy, type RealEnvoy } from './real-envoy.js';
import { idOf, inboundOf, settings } from './samples.js';

/** An Envoy whose inbound ports all lead to one app that echoes. */
export interface OneAppEnvoy {
  readonly envoy: RealEnvoy;
  /** Makes the callers' certificates. */
  readonly authority: Authority;
  close(): Promise<void>;
}

/** Starts it with these ports, as workload `b`; `extensions` as in EnvoyResources. */
export async function startBeforeOneApp(
  ports: readonly InboundPortIr[],
  extensions?: readonly object[],
): Promise<OneAppEnvoy> {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-one-app-'));
  const authority = makeAuthority(folder, 'mesh');
  const app = await startApp(echoHttp);
  const { listener, routes } = spellInbound(inboundOf(ports), settings);
  const envoy = await startEnvoy(envoyBinary(), folder, {
    listeners: [listener],
    clusters: withOneApp(spellFixedClusters(), app.port),
    routes,
    endpoints: [],
    ...(extensions === undefined ? {} : { extensions }),
    certificate: authority.issue('server', idOf('b')),
    rootPem: authority.root.cert,
  });
  return {
    ...{ envoy, authority },
    close: async () => {
      await envoy.stop();
      app.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The clusters with one app behind every inbound port. */
function withOneApp(clusters: readonly Cluster[], port: number): readonly Cluster[] {
  const address = { socket_address: { address: '127.0.0.1', port_value: port } };
  return clusters.map((cluster) =>
    cluster.name === inboundClusterName
      ? {
          name: inboundClusterName,
          type: 'STATIC',
          load_assignment: {
            cluster_name: inboundClusterName,
            endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
          },
        }
      : cluster,
  );
}

/** A header's lines as a sidecar sees them: by lower-case name, repeated ones joined. */
export function headersOf(lines: readonly string[]): Readonly<Record<string, string>> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const cut = line.indexOf(':');
    const name = line.slice(0, cut).toLowerCase();
    const value = line.slice(cut + 1).trim();
    const former = headers.get(name);
    headers.set(name, former === undefined ? value : `${former},${value}`);
  }
  return Object.fromEntries(headers);
}

/** A GET over mesh TLS with these header lines, sent as they are; its status and what came with it. */
export async function exchange(options: {
  readonly envoyPort: number;
  readonly port: number;
  readonly certificate: Certificate;
  readonly lines: readonly string[];
  readonly path?: string;
}): Promise<{ readonly status: number; readonly text: string }> {
  const { envoyPort, port, certificate, lines, path = '/x' } = options;
  const socket = await dial({ envoyPort, port, tls: { certificate, alpn: 'skerry-http' } });
  const host = lines.some((line) => /^host:/i.test(line)) ? [] : ['host: app'];
  const answer = receive(socket, isWhole);
  const head = [`GET ${path} HTTP/1.1`, ...host, ...lines].join('\r\n');
  socket.write(`${head}\r\n\r\n`, 'latin1');
  const { text } = await answer;
  socket.destroy();
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text };
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  const length = /content-length: (\d+)/i.exec(text)?.[1];
  return end >= 0 && length !== undefined && text.length >= end + 4 + Number(length);
}
