/** Many inbound ports before one app, and requests to them line by line. */
import type { Cluster } from '../../../envoy/index.js';
import { inboundClusterName } from '../contract.js';
import type { Certificate } from './certificates.js';
import { dial, receive } from './clients.js';

/** The clusters with one app behind every inbound port. */
export function withOneApp(clusters: readonly Cluster[], port: number): readonly Cluster[] {
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
