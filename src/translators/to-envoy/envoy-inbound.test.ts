/** The inbound listener under real calls: who gets in, who does not, and what the log says. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectHttp2, createServer as createHttp2 } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls, createServer as createTls } from 'node:tls';
import type { AuthorizationIr, CallerIr, InboundPortIr } from '../../ir/index.js';
import { spellFixedClusters, spellInbound } from './spell.js';
import { makeAuthority, type Authority, type Certificate } from './testing/certificates.js';
import { dial, echoHttp, receive, request, startApp, type App } from './testing/clients.js';
import { envoyBinary, startEnvoy, type RealEnvoy } from './testing/real-envoy.js';
import {
  caller,
  callerFrom,
  idOf,
  inboundOf,
  inboundPortOf,
  onlyAllow,
  open,
  rule,
  settings,
} from './testing/samples.js';

const onlyA = onlyAllow(rule('shop/p/web', { from: [caller('a')] }));
const nobody = onlyAllow();

let folder: string;
let authority: Authority;
let envoy: RealEnvoy;
let envoyPort: number;
let a: Certificate;
let c: Certificate;
const apps: App[] = [];
const envoys: RealEnvoy[] = [];

async function app(serve: Parameters<typeof startApp>[0]): Promise<App> {
  const one = await startApp(serve);
  apps.push(one);
  return one;
}

async function start(ports: readonly InboundPortIr[]): Promise<void> {
  const { listener, routes } = spellInbound(inboundOf(ports), settings);
  envoy = await startEnvoy(envoyBinary(), mkdtempSync(join(folder, 'envoy-')), {
    listeners: [listener],
    clusters: spellFixedClusters(),
    routes,
    endpoints: [],
    certificate: authority.issue('server', idOf('b')),
    rootPem: authority.root.cert,
  });
  envoys.push(envoy);
  envoyPort = envoy.port('inbound');
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skerry-inbound-'));
  authority = makeAuthority(folder, 'mesh');
  a = authority.issue('a', idOf('a'));
  c = authority.issue('c', idOf('c'));
});

afterAll(async () => {
  for (const one of envoys) await one.stop();
  for (const one of apps) one.close();
  rmSync(folder, { recursive: true, force: true });
});

const greeting = '220 ready\r\n';
const http = (certificate: Certificate) => ({ certificate, alpn: 'skerry-http' });
const tcp = (certificate: Certificate) => ({ certificate, alpn: 'skerry-tcp' });

/** Takes the upgrade of the first request, after which bytes come back. */
function upgrade(socket: Socket): void {
  socket.once('data', () => {
    socket.write('HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    socket.pipe(socket);
  });
}

describe('inbound on a real Envoy', () => {
  let web: App;
  let sniffed: App;
  let mail: App;
  let other: App;
  let secret: App;
  let upgrading: App;

  beforeAll(async () => {
    web = await app(echoHttp);
    sniffed = await app(echoHttp);
    other = await app(echoHttp);
    mail = await app((socket) => socket.write(greeting));
    upgrading = await app(upgrade);
    secret = await app((socket) => socket.pipe(socket));
    await start([
      inboundPortOf({ port: web.port, http: onlyA, tcp: nobody }),
      inboundPortOf({ port: sniffed.port, protocol: 'sniff', mtls: 'Permissive', tcp: nobody }),
      inboundPortOf({ port: upgrading.port }),
      inboundPortOf({ port: mail.port, protocol: 'tcp', tcp: onlyA }),
      inboundPortOf({ port: secret.port, protocol: 'tcp', mtls: 'Permissive', tcp: onlyA }),
      inboundPortOf({ protocol: 'sniff', http: onlyA, tcp: onlyA }),
    ]);
  });

  async function refused(
    port: number,
    options: { tls?: { certificate: Certificate; alpn: string }; bytes?: string },
  ): Promise<string> {
    const { tls, bytes = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n' } = options;
    const socket = await dial({ envoyPort, port, ...(tls === undefined ? {} : { tls }) });
    const got = receive(socket);
    socket.write(bytes);
    const { text, isClosed } = await got;
    expect(isClosed).toBe(true);
    return text;
  }

  test('an admitted identity reaches the app, which learns it from the certificate', async () => {
    const socket = await dial({ envoyPort, port: web.port, tls: http(a) });
    const answer = await request(socket, '/x?q=1', {
      'x-forwarded-client-cert': 'URI=forged',
      'x-envoy-upstream-rq-timeout-ms': '1',
    });
    socket.destroy();
    expect(answer).toContain('HTTP/1.1 200');
    expect(answer).toContain('GET /x?q=1 ');
    expect(answer).toContain(`URI=${idOf('a')}`);
    expect(answer).not.toMatch(/forged|x-envoy|x-request-id/);
  });

  test('another identity is refused with 403, and the log names the rule', async () => {
    const socket = await dial({ envoyPort, port: web.port, tls: http(c) });
    const answer = await request(socket, '/private?token=hidden');
    socket.destroy();
    expect(answer).toContain('HTTP/1.1 403');
    const [line] = await envoy.accessLog(({ path }) => path === '/private');
    expect(line).toMatchObject({
      status: 403,
      details: 'rbac_access_denied_matched_policy[shop/p/allow]',
      peer: idOf('c'),
      direction: 'inbound',
    });
    expect(JSON.stringify(line)).not.toContain('hidden');
  });

  test('plaintext is refused under Strict, on declared ports and others', async () => {
    const before = web.connections() + other.connections();
    expect(await refused(web.port, {})).toBe('');
    expect(await refused(other.port, {})).toBe('');
    expect(web.connections() + other.connections()).toBe(before);
    const lines = await envoy.accessLog(
      ({ kind, flags }) => kind === 'connection' && flags === 'NR',
    );
    expect(lines.at(-1)).toMatchObject({ details: 'filter_chain_not_found' });
  });

  test('another trust domain is refused, though its certificate is signed', async () => {
    const stranger = authority.issue('stranger', 'spiffe://other.domain/ns/a/sa/a');
    const before = web.connections();
    expect(await refused(web.port, { tls: http(stranger) })).toBe('');
    expect(web.connections()).toBe(before);
    const [line] = await envoy.accessLog(({ peer }) => peer === 'spiffe://other.domain/ns/a/sa/a');
    expect(line?.['downstream_failure']).toContain('SAN_matcher');
  });

  test('another authority is refused, though it signs the right name', async () => {
    const forged = makeAuthority(folder, 'forger').issue('a', idOf('a'));
    expect(await refused(web.port, { tls: http(forged) })).toBe('');
  });

  test('HTTP/2 passes through mesh TLS as HTTP/2', async () => {
    const server = createHttp2((incoming, outgoing) => {
      outgoing.end(incoming.httpVersion);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const port = (server.address() as AddressInfo).port;
    const socket = await dial({ envoyPort, port, tls: http(a) });
    const session = connectHttp2('http://app', { createConnection: () => socket });
    const stream = session.request({ ':path': '/' }).setEncoding('utf8');
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    session.destroy();
    server.close();
    expect(text).toBe('2.0');
  });

  test('a server that speaks first is heard by an admitted caller', async () => {
    const socket = await dial({ envoyPort, port: mail.port, tls: tcp(a) });
    const { text } = await receive(socket, (got) => got.length >= greeting.length);
    socket.destroy();
    expect(text).toBe(greeting);
  });

  test('a server that speaks first is not even connected to by others', async () => {
    const before = mail.connections();
    const socket = await dial({ envoyPort, port: mail.port, tls: tcp(c) });
    expect(await receive(socket)).toEqual({ text: '', isClosed: true });
    expect(mail.connections()).toBe(before);
    const [line] = await envoy.accessLog(
      ({ filter_chain: chain, peer }) =>
        chain === `${String(mail.port)}/mesh-tcp` && peer === idOf('c'),
    );
    expect(line).toMatchObject({ denied_by: '[shop/p/allow]' });
  });

  test('refused bytes never reach a TCP app, whatever carries them', async () => {
    await refused(secret.port, { tls: tcp(c), bytes: 'mesh' });
    await refused(secret.port, { bytes: 'plain text\r\n\r\n' });
    expect(secret.received()).toBe('');
    const socket = await dial({ envoyPort, port: secret.port, tls: tcp(a) });
    const echo = receive(socket, (got) => got === 'hello');
    socket.write('hello');
    expect((await echo).text).toBe('hello');
    socket.destroy();
  });

  test('the ALPN says what is inside: other bytes on an HTTP port meet the TCP rules', async () => {
    const before = web.connections();
    expect(await refused(web.port, { tls: tcp(a) })).toBe('');
    expect(web.connections()).toBe(before);
  });

  test('a Permissive port takes plaintext HTTP and refuses other bytes as the rules say', async () => {
    const socket = await dial({ envoyPort, port: sniffed.port });
    expect(await request(socket)).toContain('HTTP/1.1 200');
    socket.destroy();
    expect(await refused(sniffed.port, { bytes: 'SSH-2.0-test\r\n\r\n' })).toBe('');
  });

  test('the ports of the sidecar itself lead nowhere', async () => {
    for (const port of [15001, 15006, 15021, 15090]) {
      expect(await refused(port, {})).toBe('');
    }
  });

  test('a WebSocket stays open through mesh TLS', async () => {
    const socket = await dial({ envoyPort, port: upgrading.port, tls: http(a) });
    const opened = receive(socket, (got) => got.includes('\r\n\r\n'));
    socket.write(
      'GET /socket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    );
    expect((await opened).text).toContain('HTTP/1.1 101');
    const echoed = receive(socket, (got) => got.includes('frame'));
    socket.write('frame');
    expect((await echoed).text).toContain('frame');
    socket.destroy();
  });

  test('paths are normalised before they are judged, and escaped slashes refused', async () => {
    const socket = await dial({ envoyPort, port: web.port, tls: http(a) });
    expect(await request(socket, '/a/../b//c')).toContain('GET /b/c ');
    expect(await request(socket, '/b%2fc')).toContain('HTTP/1.1 400');
    socket.destroy();
  });

  test('a change of HTTP rules rules the next request on an open connection', async () => {
    const socket = await dial({ envoyPort, port: web.port, tls: http(a) });
    expect(await request(socket)).toContain('HTTP/1.1 200');
    const strict = inboundPortOf({ port: web.port, http: nobody, tcp: nobody });
    const [routes] = spellInbound(inboundOf([strict]), settings).routes;
    await envoy.pushRoutes(routes ?? {});
    expect(await request(socket)).toContain('HTTP/1.1 403');
    socket.destroy();
  });
});

test('each refused call is counted once, by the rule that refused it', async () => {
  const web = await app(echoHttp);
  const named = await app((socket) => socket.pipe(socket));
  const placed = await app((socket) => socket.pipe(socket));
  const denying = (name: string, from: CallerIr): AuthorizationIr => ({
    ...open,
    deny: [rule(name, { from: [from] })],
  });
  await start([
    inboundPortOf({ port: web.port, http: denying('shop/p/request', caller('c')) }),
    inboundPortOf({ port: named.port, protocol: 'tcp', tcp: denying('shop/p/name', caller('c')) }),
    inboundPortOf({
      ...{ port: placed.port, protocol: 'tcp' },
      tcp: denying('shop/p/address', callerFrom('127.0.0.0/8')),
    }),
  ]);
  for (let call = 0; call < 3; call += 1) {
    for (const [{ port }, tls] of [
      [web, http(c)],
      [named, tcp(c)],
      [placed, tcp(c)],
    ] as const) {
      const socket = await dial({ envoyPort, port, tls });
      if (port === web.port) expect(await request(socket)).toContain('HTTP/1.1 403');
      else {
        const closed = receive(socket);
        socket.write('hello');
        expect(await closed).toEqual({ text: '', isClosed: true });
      }
      socket.destroy();
    }
  }
  const socket = await dial({ envoyPort, port: web.port, tls: http(a) });
  expect(await request(socket)).toContain('HTTP/1.1 200');
  socket.destroy();
  const counted = async (): Promise<readonly string[]> =>
    (await envoy.stats('^skerry\\.refused')).trim().split('\n').sort();
  // A connection is counted when Envoy has taken it down, which its client does not see.
  while ((await counted()).join().match(/: 3/g)?.length !== 3) await pause(20);
  expect(await counted()).toEqual([
    'skerry.refused.rule.[shop/p/name]: 3',
    'skerry.refused.rule.[shop/p/request]: 3',
    'skerry.refused.rule.rbac_access_denied_matched_policy[shop/p/address]: 3',
  ]);
});

describe('drained connections on a real Envoy', () => {
  test('a change of TCP rules closes open connections within the drain time', async () => {
    const echo = await app((socket) => socket.pipe(socket));
    const ports = (rules: InboundPortIr['tcp']): InboundPortIr[] => [
      inboundPortOf({ port: echo.port, protocol: 'tcp', tcp: rules }),
    ];
    await start(ports(onlyA));
    const socket = await dial({ envoyPort, port: echo.port, tls: tcp(a) });
    const closed = receive(socket);
    socket.write('hello');
    await envoy.pushListeners([spellInbound(inboundOf(ports(nobody)), settings).listener]);
    expect((await closed).isClosed).toBe(true);
  });

  test('a pod that is being deleted closes each connection with its next answer', async () => {
    const web = await app(echoHttp);
    const ports = [inboundPortOf({ port: web.port, mtls: 'Permissive' })];
    await start(ports);
    const to = { envoyPort, port: web.port };
    const sockets = [await dial(to), await dial({ ...to, tls: http(a) })];
    for (const socket of sockets) {
      expect(await request(socket)).not.toMatch(/connection: close/i);
    }
    const { listener, routes } = spellInbound({ ...inboundOf(ports), isDraining: true }, settings);
    expect(listener).toEqual(spellInbound(inboundOf(ports), settings).listener);
    await envoy.pushRoutes(routes[0] ?? {});
    for (const socket of sockets) {
      const closed = new Promise((resolve) => socket.once('close', resolve));
      expect(await request(socket)).toMatch(/^HTTP\/1.1 200 .*connection: close/is);
      await closed;
    }
  });

  test('a pod that is being deleted sends GOAWAY, and answers what is under way', async () => {
    const server = createHttp2((incoming, outgoing) => {
      setTimeout(() => outgoing.end('late'), incoming.url === '/slow' ? 300 : 0);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const port = (server.address() as AddressInfo).port;
    const ports = [inboundPortOf({ port })];
    await start(ports);
    const socket = await dial({ envoyPort, port, tls: http(a) });
    const session = connectHttp2('http://app', { createConnection: () => socket });
    const get = async (path: string): Promise<string> => {
      const stream = session.request({ ':path': path }).setEncoding('utf8');
      let text = '';
      for await (const chunk of stream) text += String(chunk);
      return text;
    };
    const slow = get('/slow');
    await get('/');
    const goneAway = new Promise((resolve) => session.once('goaway', resolve));
    const [routes] = spellInbound({ ...inboundOf(ports), isDraining: true }, settings).routes;
    await envoy.pushRoutes(routes ?? {});
    expect(await get('/')).toBe('late');
    await goneAway;
    expect(await slow).toBe('late');
    session.destroy();
    server.close();
  });

  test("the app's own TLS passes through a Permissive port untouched", async () => {
    const own = authority.issue('own', idOf('own'));
    const server = createTls({ cert: own.cert, key: own.key }, (socket) => socket.end('secret'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const port = (server.address() as AddressInfo).port;
    await start([inboundPortOf({ port, mtls: 'Permissive' })]);
    const socket = await dial({ envoyPort, port });
    let seen: string | undefined;
    const secure = connectTls({
      socket,
      ca: authority.root.cert,
      checkServerIdentity: (_host, certificate) => {
        seen = certificate.subjectaltname;
        return undefined;
      },
    });
    expect((await receive(secure)).text).toBe('secret');
    expect(seen).toBe(`URI:${idOf('own')}`);
    server.close();
  });
});
