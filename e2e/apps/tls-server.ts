/** An HTTPS server for suites: several ports, each with a certificate of its own; tells what it saw of TLS. Knows nothing of the mesh. */
import { createServer } from 'node:https';
import type { TLSSocket } from 'node:tls';

interface Listening {
  readonly port: number;
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** PEM; present: the client must show a certificate of this authority. */
  readonly clientCa?: string;
}

const servers = JSON.parse(process.env['SERVERS'] ?? '[]') as readonly Listening[];

for (const { port, cert, key, clientCa } of servers) {
  const mutual =
    clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true };
  const server = createServer({ cert, key, ...mutual }, (request, response) => {
    const socket = request.socket as TLSSocket;
    const peer = socket.getPeerCertificate();
    const name = 'servername' in socket ? socket.servername : undefined;
    request.resume();
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({
        port,
        servername: name,
        protocol: socket.getProtocol(),
        alpn: socket.alpnProtocol,
        peer: Object.keys(peer).length === 0 ? null : peer.subject.CN,
        serial: Object.keys(peer).length === 0 ? null : peer.serialNumber,
      }),
    );
  });
  // Longer than any pause of a test: a connection ends when its client ends it.
  server.keepAliveTimeout = 60_000;
  server.listen(port, () => {
    console.log(JSON.stringify({ event: 'listening', port }));
  });
}
