/** Hosts outside the mesh in one program: their web servers, plain TCP servers, and the DNS that names them. */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer as createTcpServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { parseOutside } from './outside-contract.js';
import { answerQuery } from './outside-dns.js';

const options = parseOutside(process.env['OUTSIDE'] ?? '{}');
const say = (event: string, fields: object = {}): void => {
  console.log(JSON.stringify({ event, ...fields }));
};

/** Resolves when all listen. */
const listening: Promise<void>[] = [];

function serve(
  server: { listen(port: number, host: string, then: () => void): unknown },
  ip: string,
  port: number,
): void {
  listening.push(
    new Promise((resolve) => {
      server.listen(port, ip, () => {
        resolve();
      });
    }),
  );
}

for (const ip of options.ips) {
  for (const port of options.httpPorts) {
    const server = createHttpServer((request, response) => {
      const { url, headers } = request;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ ip, port, url, headers }));
    });
    server.on('upgrade', (_request, socket) => {
      socket.on('error', () => undefined);
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
      );
      socket.pipe(socket);
    });
    serve(server, ip, port);
  }
  for (const port of options.http2Ports) {
    const server = createHttp2Server((request, response) => {
      response.end(JSON.stringify({ ip, port, headers: { host: request.authority } }));
    });
    serve(server, ip, port);
  }
  for (const port of options.tlsPorts) {
    const pem = { cert: readFileSync(options.cert), key: readFileSync(options.key) };
    const server = createTlsServer(pem, (socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => {
        const sni = socket.servername === false ? '' : socket.servername;
        socket.write(JSON.stringify({ ip, port, sni }));
      });
    });
    serve(server, ip, port);
  }
  for (const port of options.tcpPorts) {
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => {
        socket.write(JSON.stringify({ ip, port }));
      });
    });
    serve(server, ip, port);
  }
}

const dns = createSocket('udp4', (query, from) => {
  const { answer, name, type } = answerQuery(query, options.names);
  say('query', { name, type });
  if (answer !== undefined) dns.send(answer, from.port, from.address);
});
listening.push(
  new Promise((resolve) => {
    dns.bind(53, options.dns, () => {
      resolve();
    });
  }),
);

await Promise.all(listening);
say('listening');
