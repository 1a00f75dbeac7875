/** The floor below the floor: the bare server on Node's HTTP/2 alone, with gRPC's frames by hand. */
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import type { BareProgram } from './bare-server.js';

/** A message with gRPC's prefix: not compressed, and its length. */
function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Serves every stream; `answers` gives what a new one gets at its first request. */
export async function serveHttp2(
  certificate: { readonly cert: Buffer; readonly key: Buffer },
  answers: () => readonly Buffer[],
): Promise<BareProgram> {
  const streams = new Set<ServerHttp2Stream>();
  const server = createSecureServer({ ...certificate, minVersion: 'TLSv1.3' });
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' });
    streams.add(stream);
    stream.on('close', () => streams.delete(stream));
    stream.on('error', () => streams.delete(stream));
    stream.once('data', () => {
      for (const answer of answers()) stream.write(framed(answer));
    });
    // The answers are read and left unread.
    stream.on('data', () => undefined);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('expected a TCP address');
  return {
    port: address.port,
    push: (message, count) => {
      const bytes = framed(message);
      for (const stream of [...streams].slice(0, count)) stream.write(bytes);
    },
  };
}
