/** Makes the API server, which lives in the node's network, reachable at the machine's loopback. */
import { fork } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { findCheckout } from '../../../demo/rig/index.js';
import { insideArgv } from './node.js';

/**
 * Starts a process in the node that takes connections at a free port of 127.0.0.1 outside and
 * carries them to `target`; it ends with the node. Returns the port.
 */
export async function startRelay(
  pid: number,
  target: { readonly ip: string; readonly port: number },
): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const [nsenter = '', ...into] = insideArgv(pid);
  const script = join(findCheckout().root, 'e2e', 'rig', 'local', 'carry.mjs');
  const child = fork(script, [target.ip, String(target.port)], {
    execPath: nsenter,
    execArgv: [...into, process.execPath],
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    cwd: '/',
  });
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      reject(new Error(`the relay ended with ${code ?? 'a signal'}`));
    });
    child.once('message', () => {
      resolve();
    });
    child.send('server', server);
  });
  if (child.connected) child.disconnect();
  child.unref();
  server.close();
  return port;
}
