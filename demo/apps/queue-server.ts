/** An HTTP server with so many workers, each of which takes so long for a request; what comes beyond them waits. Knows nothing of the mesh. */
import { createServer } from 'node:http';

const port = Number(process.env['PORT'] ?? '8080');
/** 0: one for each request. */
const workers = Number(process.env['WORKERS'] ?? '0');
const serviceMs = Number(process.env['SERVICE_MS'] ?? '10');

const waiting: (() => void)[] = [];
let busy = 0;

function begin(answer: () => void): void {
  busy += 1;
  setTimeout(() => {
    busy -= 1;
    answer();
    const next = waiting.shift();
    if (next !== undefined) begin(next);
  }, serviceMs);
}

const server = createServer((request, response) => {
  request.resume();
  const answer = (): void => {
    response.end('done\n');
  };
  if (workers > 0 && busy >= workers) waiting.push(answer);
  else begin(answer);
});
// Longer than proxies keep idle connections, so that none is reused while it closes.
server.keepAliveTimeout = 3_700_000;
server.listen(port, () => {
  console.log(JSON.stringify({ event: 'listening', port }));
});

process.on('SIGTERM', () => {
  process.exit(0);
});
