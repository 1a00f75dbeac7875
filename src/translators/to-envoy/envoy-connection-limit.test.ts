/** Limits of connections under real ones: who is closed, and who is not. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spellFixedClusters, spellInbound } from './spell.js';
import { makeAuthority, type Certificate } from './testing/certificates.js';
import { dial, echoHttp, request, startApp, type App } from './testing/clients.js';
import { withOneApp } from './testing/one-app.js';
import { envoyBinary, startEnvoy, type RealEnvoy } from './testing/real-envoy.js';
import { idOf, inboundOf, inboundPortOf, settings } from './testing/samples.js';

const connections = { name: 'shop/p/connections', max: 2, settings: [] };
const [limited, tcp, free] = [1, 2, 3] as const;
const ports = [
  inboundPortOf({ port: limited, mtls: 'Permissive', connections }),
  inboundPortOf({ port: tcp, protocol: 'tcp', mtls: 'Permissive', connections }),
  inboundPortOf({ port: free, mtls: 'Permissive' }),
];

let folder: string;
let envoy: RealEnvoy;
let app: App;
let certificate: Certificate;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'skerry-connection-limit-'));
  const authority = makeAuthority(folder, 'mesh');
  certificate = authority.issue('a', idOf('a'));
  app = await startApp(echoHttp);
  const { listener, routes } = spellInbound(inboundOf(ports), settings);
  envoy = await startEnvoy(envoyBinary(), folder, {
    listeners: [listener],
    clusters: withOneApp(spellFixedClusters(), app.port),
    routes,
    endpoints: [],
    certificate: authority.issue('server', idOf('b')),
    rootPem: authority.root.cert,
  });
});

afterAll(async () => {
  await envoy.stop();
  app.close();
  rmSync(folder, { recursive: true, force: true });
});

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
