/** What a client may take of the service: who says nothing, too much, or never reads keeps nobody else out. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { encodeUnknown, typeUrls } from '../envoy/index.js';
import { readRequest } from './request.js';
import { sidecarRules } from './rules.js';
import type { ClientStream } from './testing/grpc-client.js';
import { openRaw } from './testing/raw-client.js';
import { until, type TestMesh } from './testing/mesh.js';
import { createOpenings } from './testing/openings.js';
import { cluster, set } from './testing/resources.js';
import { words } from './testing/rig.js';

const { cluster: cds, endpoint: eds, secret: sds } = typeUrls;
const node = { id: 'a' };
const request = 'type.googleapis.com/envoy.service.discovery.v3.DeltaDiscoveryRequest';
/** Many, where a process may have so many files open: `SKERRY_STRANGERS=9000`. */
const strangers = Number(process.env['SKERRY_STRANGERS'] ?? 1_000);

const { mesh, connect, atEnd, closeAll } = createOpenings();
afterEach(closeAll);

async function silent(one: TestMesh): Promise<Socket> {
  const socket = createConnection(one.port, '127.0.0.1');
  socket.on('error', () => undefined);
  atEnd(() => socket.destroy());
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
    const late = connect(one, { token: 'token:b' });
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
    const refused = connect(one, { token: 'of somebody' });
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

  test('who says again and again what it holds is ended, though only the first time counts', async () => {
    const rules = sidecarRules({ vhdsEmptyAnswer: [], maxClaims: 10 });
    const one = await mesh({ rules });
    const stream = connect(one);
    const versions = { a: 'v', b: 'v', c: 'v', d: 'v' };
    for (let at = 0; at < 3; at += 1) {
      stream.send({ node, type_url: eds, initial_resource_versions: versions });
    }
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
    const other = connect(one, { token: 'token:b' });
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

  const section = (tag: number, bytes: Uint8Array): Buffer => {
    const size = Buffer.alloc(5, 0x80);
    for (let at = 0; at < 5; at += 1) size[at] = ((bytes.length >>> (7 * at)) & 0x7f) | 0x80;
    size[4] = (size[4] ?? 0) & 0x7f;
    return Buffer.concat([Buffer.from([tag]), size, bytes]);
  };
  // What takes two bytes of a message, again and again: an empty name, an empty map entry.
  const millions = (tag: number): Buffer => Buffer.alloc(8_000_000, Buffer.from([tag, 0]));

  test.each<readonly [string, Buffer, string]>([
    ['four million names', millions(0x1a), 'a request of at most 250000 fields'],
    [
      'a hundred thousand names',
      millions(0x1a).subarray(0, 200_000),
      'a request of at most 80000 names',
    ],
    [
      'a hundred thousand names to ask for and to leave',
      Buffer.concat([0x1a, 0x22].map((tag) => millions(tag).subarray(0, 100_000))),
      'a request of at most 80000 names',
    ],
    ['four million versions', millions(0x2a), 'a request of at most 250000 fields'],
    ['four million unknown fields', millions(0x7a), 'a request of at most 250000 fields'],
    [
      'a node with millions of extensions',
      section(0x0a, millions(0x4a)),
      'a node of at most 1048576 bytes',
    ],
    [
      'a node in parts',
      Buffer.concat([0, 1, 2].map(() => section(0x0a, Buffer.alloc(500_000, 0x4a)))),
      'a node of at most 1048576 bytes',
    ],
    [
      'a reason of megabytes',
      section(0x3a, section(0x12, Buffer.alloc(2_000_000, 0x61))),
      'a reason of at most 1048576 bytes',
    ],
    [
      'a reason with half a million details',
      section(0x3a, millions(0x1a).subarray(0, 1_000_000)),
      'a reason of at most 64 fields',
    ],
  ])('a message of %s is refused at the cost of a look', async (_what, bytes, limit) => {
    const startedAt = performance.now();
    expect(readRequest(true, bytes)).toEqual({ ok: false, error: `expected ${limit}` });
    // It is a twentieth of that on a machine that has nothing else to do.
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    const one = await mesh();
    const stream = connect(one);
    void stream.sendBytes(bytes);
    expect(await stream.ended).toEqual({ code: 'INVALID_ARGUMENT', message: `expected ${limit}` });
    expect(one.log).not.toContain('admit a');
  });

  test('a message of more than 8 MiB ends the stream, and others are served', async () => {
    const one = await mesh();
    one.turn(set([cluster('c')]));
    const other = connect(one, { token: 'token:b' });
    other.send({ node: { id: 'b' }, type_url: cds });
    other.ack(await other.next());
    const stream = connect(one);
    void stream.sendBytes(Buffer.alloc(8 * 1024 * 1024 + 1));
    expect(await stream.ended).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    one.turn(set([cluster('c', '2')]));
    expect(words([await other.next()])).toEqual(['+c=2']);
  });

  test('a small message that unpacks to a large one is not unpacked', async () => {
    const one = await mesh({ server: { maxReceiveBytes: 100_000 } });
    const bomb = gzipSync(Buffer.alloc(20_000_000));
    expect(bomb.length).toBeLessThan(50_000);
    const raw = await openRaw(one.port, { token: 'token:a', headers: { 'grpc-encoding': 'gzip' } });
    atEnd(() => {
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
    atEnd(() => {
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
