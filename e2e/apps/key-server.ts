/** An issuer's key set: `PUT` sets it, `GET` gives it, and each reader is logged. */
import { createServer } from 'node:http';

const port = Number(process.env['PORT'] ?? '8080');
let keySet = '{"keys":[]}';

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { method, url, headers } = request;
    if (method === 'PUT') keySet = Buffer.concat(chunks).toString('utf8');
    const by = headers['x-forwarded-client-cert'];
    console.log(JSON.stringify({ event: method, url, host: headers.host, by }));
    response.setHeader('content-type', 'application/json');
    response.end(keySet);
  });
});
server.listen(port, () => {
  console.log(JSON.stringify({ event: 'listening', port }));
});
