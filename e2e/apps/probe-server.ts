/** An HTTP server for suites: logs every request, fails or closes on demand, counts bytes, speaks WebSocket. Knows nothing of the mesh. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { frame, readFrame } from './websocket-frames.js';

const service = process.env['SERVICE'] ?? 'probe';
const version = process.env['VERSION'] ?? 'v1';
const ports = (process.env['PORT'] ?? '8080').split(',').map(Number);
const webSocketGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

const say = (event: string, fields: object): void => {
  console.log(JSON.stringify({ event, service, version, ...fields }));
};

/** `/flaky/<name>/<n>`: the first n requests of that path get 503. `/only/<version>/503`: those to one version do. */
const seen = new Map<string, number>();

function statusFor(path: string): number {
  const times = (seen.get(path) ?? 0) + 1;
  seen.set(path, times);
  const flaky = /^\/flaky\/[^/]+\/(\d+)$/.exec(path)?.[1];
  if (flaky !== undefined) return times <= Number(flaky) ? 503 : 200;
  const only = /^\/only\/([^/]+)\/(\d{3})$/.exec(path);
  if (only !== null) return only[1] === version ? Number(only[2]) : 200;
  return Number(/^\/status\/(\d{3})$/.exec(path)?.[1] ?? 200);
}

/** `/delay/200`, and `/late/<version>/200/20`: the first for this version, the second for all others. */
function delayMsFor(path: string): number {
  const late = /^\/late\/([^/]+)\/(\d{1,5})\/(\d{1,5})$/.exec(path);
  if (late !== null) return Number(late[1] === version ? late[2] : late[3]);
  return Number(/^\/delay\/(\d{1,5})$/.exec(path)?.[1] ?? 0);
}

/** Connections that have answered before. */
const used = new WeakSet<Duplex>();

/** Requests for `/abort-reused` over such a connection. */
let reused = 0;

/** `/abort` is never answered; of `/abort-reused` every third that comes over a used connection is not. */
function isAborted(path: string, socket: Duplex): boolean {
  if (path === '/abort') return true;
  if (path !== '/abort-reused' || !used.has(socket)) return false;
  reused += 1;
  return reused % 3 === 0;
}

function answer(port: number, request: IncomingMessage, response: ServerResponse): void {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  const hash = createHash('sha256');
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    hash.update(chunk);
  });
  request.on('end', () => {
    const status = statusFor(path);
    say('request', { port, method: request.method, url: request.url, status, bytes });
    if (isAborted(path, request.socket)) {
      request.socket.destroy();
      return;
    }
    used.add(request.socket);
    setTimeout(() => {
      response.writeHead(status, {
        'content-type': 'application/json',
        'x-version': version,
        'x-from-server': 'original',
        'x-to-remove': 'there',
      });
      response.end(
        JSON.stringify({
          service,
          version,
          port,
          method: request.method,
          url: request.url,
          headers: request.headers,
          forwardedClientCert: request.headers['x-forwarded-client-cert'] ?? null,
          bodyBytes: bytes,
          bodySha256: hash.digest('hex'),
        }),
      );
    }, delayMsFor(path));
  });
}

/** RFC 6455: the handshake, then every text frame comes back. */
function upgrade(request: IncomingMessage, socket: Duplex): void {
  const key = request.headers['sec-websocket-key'] ?? '';
  const accept = createHash('sha1').update(`${key}${webSocketGuid}`).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  let buffered = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    for (;;) {
      const read = readFrame(buffered);
      if (read === undefined) return;
      buffered = buffered.subarray(read.bytes);
      socket.write(frame(read.text, undefined));
    }
  });
}

for (const port of ports) {
  const server = createServer((request, response) => {
    answer(port, request, response);
  });
  server.keepAliveTimeout = 3_700_000;
  server.on('upgrade', upgrade);
  server.on('connection', () => {
    say('connection', { port });
  });
  // `::` takes IPv4 too.
  server.listen(port, () => {
    say('listening', { port });
  });
}

process.on('SIGTERM', () => {
  process.exit(0);
});
