/** What the two TCP apps share: listen, echo, and log each connection and each first byte. */
import { createServer } from 'node:net';

/**
 * Serves TCP on `$PORT` and echoes; sends `greeting` first where one is given. Logs one JSON line
 * per connection and one per connection's first bytes, so that a test can tell that nothing came.
 */
export function serveTcp(greeting: string | undefined): void {
  const service = process.env['SERVICE'] ?? 'tcp';
  const port = Number(process.env['PORT'] ?? '7000');
  const server = createServer((socket) => {
    const log = (event: string): void => {
      console.log(JSON.stringify({ event, port, from: socket.remoteAddress }));
    };
    log('connection');
    if (greeting !== undefined) socket.write(greeting);
    socket.once('data', () => {
      log('first-bytes');
    });
    socket.on('error', () => {
      log('error');
    });
    socket.pipe(socket);
  });
  server.listen(port, () => {
    console.log(JSON.stringify({ event: 'listening', service, port }));
  });
  process.on('SIGTERM', () => {
    process.exit(0);
  });
}
