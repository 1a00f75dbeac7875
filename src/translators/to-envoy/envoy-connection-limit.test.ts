/** Limits of connections under real ones: who is closed, and who is not. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Socket } from 'node:net';
import type { Certificate } from './testing/certificates.js';
import { dial, request } from './testing/clients.js';
import { startBeforeOneApp, type OneAppEnvoy } from './testing/one-app.js';
import type { RealEnvoy } from './testing/real-envoy.js';
import { idOf, inboundPortOf } from './testing/samples.js';

const connections = { name: 'shop/p/connections', max: 2, settings: [] };
const [limited, tcp, free] = [1, 2, 3] as const;
const ports = [
  inboundPortOf({ port: limited, mtls: 'Permissive', connections }),
  inboundPortOf({ port: tcp, protocol: 'tcp', mtls: 'Permissive', connections }),
  inboundPortOf({ port: free, mtls: 'Permissive' }),
];

let running: OneAppEnvoy;
let envoy: RealEnvoy;
let certificate: Certificate;

beforeAll(async () => {
  running = await startBeforeOneApp(ports);
  ({ envoy } = running);
  certificate = running.authority.issue('a', idOf('a'));
});

afterAll(() => running.close());

/** A connection that answers; undefined where it is closed. */
async function connect(port: number, alpn?: string): Promise<Socket | undefined> {
  const tls = alpn === undefined ? {} : { tls: { certificate, alpn } };
  const socket = await dial({ envoyPort: envoy.port('inbound'), port, ...tls }).catch(
    () => undefined,
  );
  if (socket === undefined) return undefined;
  const text = await request(socket, '/x').catch(() => '');
  return text.startsWith('HTTP/1.1 200') ? socket : undefined;
}

async function connectMany(count: number, port: number, alpn?: string) {
  const sockets: (Socket | undefined)[] = [];
  for (let done = 0; done < count; done += 1) sockets.push(await connect(port, alpn));
  return {
    isOpen: sockets.map((socket) => socket !== undefined),
    close: () => {
      for (const socket of sockets) socket?.destroy();
    },
  };
}

test.each([
  ['mesh HTTP', limited, 'skerry-http'],
  ['plaintext HTTP', limited, undefined],
  ['mesh TCP', tcp, 'skerry-tcp'],
  ['plaintext TCP', tcp, undefined],
] as const)('%s: what comes beyond the limit is closed, and room is made again', async (...one) => {
  const [, port, alpn] = one;
  const first = await connectMany(4, port, alpn);
  expect(first.isOpen).toEqual([true, true, false, false]);
  first.close();
  let again = await connect(port, alpn);
  for (let tries = 0; again === undefined && tries < 50; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    again = await connect(port, alpn);
  }
  expect(again).toBeDefined();
  again?.destroy();
});

test('a port without a limit bears as many as come', async () => {
  const many = await connectMany(20, free, 'skerry-http');
  expect(many.isOpen).toEqual(Array.from({ length: 20 }, () => true));
  many.close();
});
