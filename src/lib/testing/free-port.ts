/** Test support: ports for servers that cannot be told to take any. */
import { createServer } from 'node:net';

/** A port of 127.0.0.1 that is free now; before it is taken somebody else may have it. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  });
}
