/** The connections beneath the service: their age, who has vanished from them, TLS, and how they end with the server. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { createConnection, createServer, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { typeUrls } from '../envoy/index.js';
import { sidecarRules } from './rules.js';
import { makeCertificate, startMesh, until, type TestMesh } from './testing/mesh.js';
import { createOpenings } from './testing/openings.js';
import { cluster, set } from './testing/resources.js';

const { cluster: cds, listener: lds } = typeUrls;
const node = { id: 'a' };

const { mesh, connect, atEnd, closeAll } = createOpenings();
afterEach(closeAll);

describe('connections', () => {
  test('a connection that has grown old is closed, so that a fresh token comes', async () => {
    const one = await mesh({ server: { maxConnectionAgeMs: 200, maxConnectionAgeGraceMs: 100 } });
    const stream = connect(one);
    stream.send({ node, type_url: cds });
    await stream.next();
    await stream.ended;
    await until(() => one.server.streamCount() === 0);
    expect(one.log).toContain('release');
  });

  test('a client that has vanished without a word is noticed (envoy#6323)', async () => {
    const one = await mesh({ server: { keepaliveTimeMs: 100, keepaliveTimeoutMs: 100 } });
    const sockets: Socket[] = [];
    const middle = createServer((inside) => {
      const outside = createConnection(one.port, '127.0.0.1');
      sockets.push(inside, outside);
      inside.pipe(outside);
      outside.pipe(inside);
      for (const socket of [inside, outside]) socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => {
      middle.listen(0, '127.0.0.1', () => {
        resolve();
      });
    });
    atEnd(() => {
      for (const socket of sockets) socket.destroy();
      middle.close();
    });
    const address = middle.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const stream = connect({ ...one, address: `127.0.0.1:${port}` });
    stream.send({ node, type_url: cds });
    await stream.next();
    // Packets no longer arrive, and nobody says that the connection is gone.
    for (const socket of sockets) socket.unpipe().pause();
    await until(() => one.server.streamCount() === 0);
    expect(one.log).toContain('close a: closed by the client');
  });

  test('a response that cannot be split is reported when it is large', async () => {
    const sizes: number[] = [];
    const one = await mesh({
      rules: sidecarRules({ vhdsEmptyAnswer: [], maxResponseBytes: 1_000 }),
      events: { onOversized: (_stream, _typeUrl, bytes) => sizes.push(bytes) },
    });
    one.turn(set(Array.from({ length: 50 }, (_, at) => cluster(`c${at}`))));
    const stream = connect(one, { isDelta: false });
    stream.send({ node, type_url: cds });
    expect((await stream.next()).resources).toHaveLength(50);
    expect(sizes).toHaveLength(1);
  });
});

describe('TLS', () => {
  test('a renewed certificate serves new connections, and open ones go on', async () => {
    const [old, fresh] = [makeCertificate(), makeCertificate()];
    const one = await mesh({ certificate: old });
    const before = connect(one, { roots: old.certificateChain });
    before.send({ node, type_url: cds });
    await before.next();
    one.server.renewCertificate(fresh);
    const after = connect(one, { roots: fresh.certificateChain });
    after.send({ node, type_url: cds });
    await after.next();
    before.send({ type_url: lds });
    expect(await before.next()).toMatchObject({ typeUrl: lds });
    const late = connect(one, { roots: old.certificateChain });
    expect(await late.ended).toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('no session from before a renewal is resumed: who connects has seen the new certificate', async () => {
    const [old, fresh] = [makeCertificate(), makeCertificate()];
    const one = await mesh({ certificate: old });
    const ca = `${old.certificateChain}${fresh.certificateChain}`;
    const { session } = await shake(one, ca);
    expect((await shake(one, ca, session)).isResumed).toBe(true);
    one.server.renewCertificate(fresh);
    expect((await shake(one, ca, session)).isResumed).toBe(false);
  });

  test('TLS 1.2 is refused, after a renewal too', async () => {
    const [old, fresh] = [makeCertificate(), makeCertificate()];
    const one = await mesh({ certificate: old });
    const ca = `${old.certificateChain}${fresh.certificateChain}`;
    const dated = { maxVersion: 'TLSv1.2' } as const;
    await expect(shake(one, ca, undefined, dated)).rejects.toThrow('protocol version');
    one.server.renewCertificate(fresh);
    await expect(shake(one, ca, undefined, dated)).rejects.toThrow('protocol version');
    await shake(one, ca);
  });

  test('a stream knows when its connection was accepted', async () => {
    const certificate = makeCertificate();
    const one = await mesh({ certificate });
    const beforeMs = Date.now();
    const stream = connect(one, { roots: certificate.certificateChain });
    stream.send({ node, type_url: cds });
    await stream.next();
    const [proxy] = one.server.proxies();
    expect(proxy?.connectionSinceMs).toBeGreaterThanOrEqual(beforeMs);
    expect(proxy?.connectionSinceMs).toBeLessThanOrEqual(proxy?.connectedSinceMs ?? 0);
  });
});

/** A TLS handshake, with the session of an earlier one where there is one. */
function shake(
  { address }: TestMesh,
  ca: string,
  session?: Buffer,
  options: ConnectionOptions = {},
): Promise<{ readonly isResumed: boolean; readonly session?: Buffer }> {
  return new Promise((resolve, reject) => {
    const port = Number(address.slice(address.lastIndexOf(':') + 1));
    const socket = connectTls({
      ...{ host: '127.0.0.1', port, ca, servername: 'localhost', ALPNProtocols: ['h2'] },
      ...options,
      ...(session !== undefined && { session }),
    });
    const end = (given?: Buffer): void => {
      const isResumed = socket.isSessionReused();
      resolve({ isResumed, ...(given !== undefined && { session: given }) });
      socket.destroy();
    };
    // In TLS 1.3 a session comes after the handshake, and none where one was resumed.
    socket.once('session', end);
    socket.once('secureConnect', () => {
      if (socket.isSessionReused()) end();
    });
    socket.once('error', reject);
    socket.resume();
  });
}

describe('stopping', () => {
  test('streams are told, and the server is gone in bounded time', async () => {
    const one = await startMesh();
    const stream = connect(one);
    stream.send({ node, type_url: cds });
    await stream.next();
    const started = Date.now();
    await one.server.stop({ spreadMs: 50, graceMs: 500 });
    expect(Date.now() - started).toBeLessThan(3_000);
    expect(await stream.ended).toMatchObject({
      code: 'UNAVAILABLE',
      message: 'this replica is stopping',
    });
    expect(one.server.streamCount()).toBe(0);
  });
});
