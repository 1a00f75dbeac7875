/** A small HTTP server that knows nothing of the mesh: answers every request with what it saw of it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

const service = process.env['SERVICE'] ?? 'http-server';
const version = process.env['VERSION'] ?? 'v1';
const ports = [process.env['PORT'] ?? '8080', ...(process.env['EXTRA_PORTS'] ?? '').split(',')]
  .filter((port) => port !== '')
  .map(Number);
const maxBodyBytes = 1_000_000;

/** `/status/503` is answered with that status, so that retries can be watched; all else with 200. */
function statusFor(path: string): number {
  const match = /^\/status\/([2-5]\d\d)$/.exec(path);
  return match?.[1] === undefined ? 200 : Number(match[1]);
}

/** `/delay/200` is answered after that many milliseconds, at most 60,000. */
function delayMsFor(path: string): number {
  const match = /^\/delay\/(\d{1,5})$/.exec(path);
  return match?.[1] === undefined ? 0 : Math.min(Number(match[1]), 60_000);
}

function answer(request: IncomingMessage, response: ServerResponse, body: string): void {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  const text = JSON.stringify({
    service,
    version,
    method: request.method,
    path: request.url,
    forwardedClientCert: request.headers['x-forwarded-client-cert'] ?? null,
    headers: request.headers,
    body,
  });
  setTimeout(() => {
    response.writeHead(statusFor(path), {
      'content-type': 'application/json',
      'x-version': version,
    });
    response.end(text);
  }, delayMsFor(path));
}

function handle(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= maxBodyBytes) chunks.push(chunk);
  });
  request.on('end', () => {
    answer(request, response, Buffer.concat(chunks).toString('utf8'));
  });
}

for (const port of ports) {
  const server = createServer(handle);
  // Longer than proxies keep idle connections, so that none is reused while it closes.
  server.keepAliveTimeout = 3_700_000;
  server.on('connection', (socket) => {
    console.log(JSON.stringify({ event: 'connection', port, from: socket.remoteAddress }));
  });
  server.listen(port, () => {
    console.log(JSON.stringify({ event: 'listening', service, version, port }));
  });
}

process.on('SIGTERM', () => {
  process.exit(0);
});
