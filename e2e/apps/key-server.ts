/** An issuer's key set: `PUT` sets it, `GET` gives it, and each reader is logged. */
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';

const port = Number(process.env['PORT'] ?? '8080');
let keySet = process.env['KEYS'] ?? '{"keys":[]}';

/** A certificate and its key, PEM; absent: plaintext. */
const tls = process.env['TLS'];

const answer: RequestListener = (request, response) => {
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
};
const server =
  tls === undefined
    ? createServer(answer)
    : createTlsServer(JSON.parse(tls) as { readonly cert: string; readonly key: string }, answer);
server.listen(port, () => {
  console.log(JSON.stringify({ event: 'listening', port }));
});
