/** Who may stay where more connect than a server holds, over real sockets. */
import { afterEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { boundConnections, type Connections } from './connections.js';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0).reverse()) clean();
});

/** A server that takes a word for a request, and clients that are named by their order. */
async function rig(max: number) {
  const server = createServer();
  const connections: Connections = boundConnections(server, max);
  server.on('connection', (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => {
      connections.proved({ address: socket.remoteAddress, port: socket.remotePort });
      socket.write('.');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    connections.destroy();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const closed: string[] = [];
  const connect = async (name: string): Promise<Socket> => {
    const arrived = once(server, 'connection');
    const socket = createConnection(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.once('close', () => closed.push(name));
    socket.resume();
    cleanups.push(() => socket.destroy());
    await arrived;
    return socket;
  };
  /** Says a word, and waits for the answer. */
  const prove = async (socket: Socket): Promise<void> => {
    const answered = once(socket, 'data');
    socket.write('x');
    await answered;
  };
  const untilClosed = async (count: number): Promise<readonly string[]> => {
    while (closed.length < count) await new Promise((resolve) => setTimeout(resolve, 1));
    return closed;
  };
  return { connections, connect, prove, untilClosed };
}

test('the oldest that has said nothing gives way, and never one that has', async () => {
  const { connections, connect, prove, untilClosed } = await rig(3);
  await prove(await connect('served'));
  await connect('first');
  await connect('second');
  await connect('third');
  expect(await untilClosed(1)).toEqual(['first']);
  await connect('fourth');
  expect(await untilClosed(2)).toEqual(['first', 'second']);
  expect(connections.size()).toBe(3);
});

test('where all have said something the oldest gives way, so that the next is heard', async () => {
  const { connect, prove, untilClosed } = await rig(2);
  await prove(await connect('first'));
  await prove(await connect('second'));
  await prove(await connect('third'));
  expect(await untilClosed(1)).toEqual(['first']);
});

test('whoever leaves makes room', async () => {
  const { connections, connect, untilClosed } = await rig(1);
  (await connect('first')).destroy();
  await untilClosed(1);
  while (connections.size() > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const second = await connect('second');
  expect(connections.size()).toBe(1);
  expect(second.destroyed).toBe(false);
});
