/** What a client may take of the service: who says nothing, too much, or never reads keeps nobody else out. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { encodeUnknown, typeUrls } from '../envoy/index.js';
import { sidecarRules } from './rules.js';
import { createDiscoveryClient, type ClientStream } from './testing/grpc-client.js';
import { openRaw } from './testing/raw-client.js';
import { startMesh, until, type TestMesh } from './testing/mesh.js';
import { cluster, set } from './testing/resources.js';
import { words } from './testing/rig.js';

const { cluster: cds, endpoint: eds, secret: sds } = typeUrls;
const node = { id: 'a' };
const request = 'type.googleapis.com/envoy.service.discovery.v3.DeltaDiscoveryRequest';
/** Many, where a process may have so many files open: `SKERRY_STRANGERS=9000`. */
const strangers = Number(process.env['SKERRY_STRANGERS'] ?? 1_000);

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function mesh(options: Parameters<typeof startMesh>[0] = {}): Promise<TestMesh> {
  const started = await startMesh(options);
  cleanups.push(() => started.stop());
  return started;
}

function connect({ address }: TestMesh, token = 'token:a'): ClientStream {
  const client = createDiscoveryClient(address);
  const stream = client.open({ isDelta: true, token });
  cleanups.push(() => {
    stream.close();
    client.close();
  });
  return stream;
}

async function silent(one: TestMesh): Promise<Socket> {
  const socket = createConnection(one.port, '127.0.0.1');
  socket.on('error', () => undefined);
  cleanups.push(() => socket.destroy());
  await once(socket, 'connect');
  // Its end is seen only by who reads.
  socket.resume();
  return socket;
}

describe('who connects and says nothing', () => {
  test('thousands of connections without a token keep neither those out that are served nor newcomers', async () => {
    const one = await mesh({ server: { maxConnections: 100 } });
    one.turn(set([cluster('c')]));
    const early = connect(one);
    early.send({ node, type_url: cds });
    early.ack(await early.next());
    let closed = 0;
    for (let at = 0; at < strangers; at += 1) {
      const socket = await silent(one);
      socket.once('close', () => (closed += 1));
    }
    // Those that came first have made room.
    await until(() => closed >= strangers - 100);
    const late = connect(one, 'token:b');
    late.send({ node: { id: 'b' }, type_url: cds });
    expect(words([await late.next()])).toEqual(['+c=1']);
    one.turn(set([cluster('c', '2')]));
    expect(words([await early.next()])).toEqual(['+c=2']);
    expect(one.server.streamCount()).toBe(2);
  });

  test('a connection on which nobody is let in is closed in time, and one that is used stays', async () => {
    const one = await mesh({ server: { proofMs: 300 } });
    const served = connect(one);
    served.send({ node, type_url: cds });
    const socket = await silent(one);
    await once(socket, 'close');
    const refused = connect(one, 'of somebody');
    await refused.ended;
    served.send({ type_url: eds, resource_names_subscribe: ['x'] });
    await served.next();
    expect(one.server.streamCount()).toBe(1);
  });

  test('where all places are taken by clients that are served, the next is closed', async () => {
    const one = await mesh({ server: { maxConnections: 1 } });
    const served = connect(one);
    served.send({ node, type_url: cds });
    await until(() => one.log.includes('open a'));
    await once(await silent(one), 'close');
    served.send({ type_url: eds, resource_names_subscribe: ['x'] });
    await served.next();
  });
});

describe('who asks for too much', () => {
  test.each([
    ['a name', { type_url: eds, resource_names_subscribe: ['x'.repeat(2_049)] }],
    ['a name that it leaves', { type_url: eds, resource_names_unsubscribe: ['x'.repeat(2_049)] }],
    [
      'a name that it has',
      { type_url: eds, initial_resource_versions: { ['x'.repeat(2_049)]: 'v' } },
    ],
    ['a version', { type_url: eds, initial_resource_versions: { x: 'v'.repeat(257) } }],
    ['a type', { type_url: 'x'.repeat(257) }],
    ['a node id', { node: { id: 'a'.repeat(1_025) }, type_url: eds }],
  ])('%s without end ends the stream, and is not repeated', async (_what, said) => {
    const one = await mesh();
    const stream = connect(one);
    stream.send({ node, ...said });
    const { code, message } = await stream.ended;
    expect(code).toBe('INVALID_ARGUMENT');
    expect(message).toMatch(/^expected a [a-zURL ]+ of at most \d+ characters$/);
  });

  test('names are bounded over all types of a stream together', async () => {
    const rules = sidecarRules({ vhdsEmptyAnswer: [], maxStreamNames: 5 });
    const one = await mesh({ rules });
    const stream = connect(one);
    const names = (prefix: string): readonly string[] =>
      Array.from({ length: 4 }, (_, at) => `${prefix}${String(at)}`);
    stream.send({ node, type_url: eds, resource_names_subscribe: names('e') });
    stream.send({ type_url: sds, resource_names_subscribe: names('s') });
    await until(() => one.log.includes('names refused 3'));
    // What is left makes room.
    stream.send({ type_url: eds, resource_names_unsubscribe: names('e') });
    stream.send({ type_url: sds, resource_names_subscribe: ['s4'] });
    stream.send({ type_url: sds, resource_names_subscribe: ['s5', 's6', 's7', 's8', 's9'] });
    await until(() => one.log.includes('names refused 2'));
  });

  test('who says to hold more than there can be is ended, however it is spread over types', async () => {
    const rules = sidecarRules({ vhdsEmptyAnswer: [], maxClaims: 10 });
    const one = await mesh({ rules });
    const stream = connect(one);
    const versions = Object.fromEntries(
      Array.from({ length: 6 }, (_, at) => [`n${String(at)}`, 'v']),
    );
    stream.send({ node, type_url: eds, initial_resource_versions: versions });
    stream.send({ type_url: sds, initial_resource_versions: versions });
    expect(await stream.ended).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  });

  test('of the streams of one proxy the newest eight stay', async () => {
    const one = await mesh();
    const streams: ClientStream[] = [];
    for (let at = 0; at < 10; at += 1) {
      const stream = connect(one);
      stream.send({ node, type_url: cds });
      await until(() => one.log.filter((word) => word === 'open a').length > at);
      streams.push(stream);
    }
    for (const old of streams.slice(0, 2)) {
      expect(await old.ended).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    }
    expect(one.server.streamCount()).toBe(8);
    const other = connect(one, 'token:b');
    other.send({ node: { id: 'b' }, type_url: eds, resource_names_subscribe: ['x'] });
    await other.next();
  });

  test('the reason of a refusal is cut before it is kept', async () => {
    const said: number[] = [];
    const one = await mesh({
      events: { onNack: (_stream, { message }) => said.push(message.length) },
    });
    one.turn(set([cluster('c')]));
    const stream = connect(one);
    stream.send({ node, type_url: cds });
    const { nonce } = await stream.next();
    const message = 'x'.repeat(1_000_000);
    stream.send({ type_url: cds, response_nonce: nonce, error_detail: { code: 3, message } });
    await until(() => said.length > 0);
    expect(said).toEqual([32_768]);
  });

  test('a small message that unpacks to a large one is not unpacked', async () => {
    const one = await mesh({ server: { maxReceiveBytes: 100_000 } });
    const bomb = gzipSync(Buffer.alloc(20_000_000));
    expect(bomb.length).toBeLessThan(50_000);
    const raw = await openRaw(one.port, { token: 'token:a', headers: { 'grpc-encoding': 'gzip' } });
    cleanups.push(() => {
      raw.close();
    });
    raw.write(frame(bomb, 1));
    expect(await raw.ended).toMatchObject({ status: '8' });
    expect(one.log).not.toContain('admit a');
    const good = gzipSync(Buffer.from(encodeUnknown(request, { node, type_url: cds })));
    const next = await openRaw(one.port, {
      token: 'token:a',
      headers: { 'grpc-encoding': 'gzip' },
    });
    cleanups.push(() => {
      next.close();
    });
    next.write(frame(good, 1));
    await until(() => one.log.includes('admit a'));
  });
});

/** A message as gRPC puts it on the wire. */
function frame(bytes: Uint8Array, isCompressed: 0 | 1): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(isCompressed, 0);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}
