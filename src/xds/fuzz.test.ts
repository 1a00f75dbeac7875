/** Laws of the service under hostile bytes: it lives, keeps nothing, and gives nobody what is another's. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { encodeUnknown, typeUrls } from '../envoy/index.js';
import { arbitraryMessage } from '../envoy/testing/arbitrary-message.js';
import { createDiscoveryClient, type ClientStream } from './testing/grpc-client.js';
import { startMesh, until, type TestMesh } from './testing/mesh.js';
import { openRaw } from './testing/raw-client.js';
import { cluster, secret, set } from './testing/resources.js';

const typeName = 'envoy.service.discovery.v3.DeltaDiscoveryRequest';
const typeUrl = `type.googleapis.com/${typeName}`;
/** `SKERRY_RUNS=5000` for more. */
const numRuns = Number(process.env['SKERRY_RUNS'] ?? 100);
const timeoutMs = 30_000 + 20 * numRuns;
/** Stands in what proxy b alone may have. */
const othersMark = 'of-b-and-nobody-else';

let mesh: TestMesh;
let client: ReturnType<typeof createDiscoveryClient>;
let witness: ClientStream;
let asked = 0;

beforeAll(async () => {
  mesh = await startMesh({ server: { maxReceiveBytes: 1_000_000 } });
  mesh.turn([
    ...set([cluster('c'), secret('default', 'everybody')]),
    ...set([secret('own', othersMark), cluster('private', othersMark)], 'pod/b'),
  ]);
  client = createDiscoveryClient(mesh.address);
  witness = client.open({ isDelta: true, token: 'token:w' });
  witness.send({ node: { id: 'w' }, type_url: typeUrls.cluster });
  await witness.next();
});

afterAll(async () => {
  witness.close();
  client.close();
  await mesh.stop();
});

/** Somebody else is still served, all else is gone, and no bug has shown itself. */
afterEach(async () => {
  await stillServed();
  await until(() => mesh.server.streamCount() === 1);
  expect(mesh.log.filter((word) => word.startsWith('error'))).toEqual([]);
});

async function stillServed(): Promise<void> {
  asked += 1;
  const name = `asked-${String(asked)}`;
  witness.send({ type_url: typeUrls.endpoint, resource_names_subscribe: [name] });
  const response = await witness.next();
  expect(response.removed).toEqual([name]);
  witness.ack(response);
}

function framed(bytes: Uint8Array, head: { length?: number; flag?: number } = {}): Buffer {
  const start = Buffer.alloc(5);
  start.writeUInt8(head.flag ?? 0, 0);
  start.writeUInt32BE(head.length ?? bytes.length, 1);
  return Buffer.concat([start, bytes]);
}

/** A varint of any length, also such as no number has. */
const varint = fc
  .tuple(fc.nat(20), fc.nat(127))
  .map(([more, last]) => Buffer.from([...Array.from({ length: more }, () => 0xff), last]));

/** Fields inside of fields, without end: `node.metadata.fields…`. */
const nested = fc.integer({ min: 10, max: 3_000 }).map((depth) => {
  let bytes = Buffer.alloc(0);
  for (let at = 0; at < depth; at += 1) {
    bytes = Buffer.concat([Buffer.from([0x0a]), varintOf(bytes.length), bytes]);
  }
  return bytes;
});

function varintOf(value: number): Buffer {
  const out: number[] = [];
  let left = value;
  while (left > 0x7f) {
    out.push((left & 0x7f) | 0x80);
    left >>>= 7;
  }
  return Buffer.from([...out, left]);
}

const good = Buffer.from(
  encodeUnknown(typeUrl, {
    node: { id: 'a', metadata: { key: 'value' } },
    type_url: typeUrls.cluster,
    resource_names_subscribe: ['x', 'private'],
    initial_resource_versions: { y: '1' },
  }),
);

/** A good request, cut or changed somewhere. */
const damaged = fc
  .record({
    cut: fc.nat(good.length),
    at: fc.nat(good.length - 1),
    byte: fc.nat(255),
    more: fc.uint8Array({ maxLength: 20 }),
  })
  .map(({ cut, at, byte, more }) => {
    const bytes = Buffer.from(good);
    bytes[at] = byte;
    return Buffer.concat([bytes.subarray(0, cut), more]);
  });

const anyBytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  damaged,
  nested,
  varint.map((bytes) => Buffer.concat([Buffer.from([0x0a]), bytes])),
  varint.map((bytes) => Buffer.concat([bytes, bytes, bytes])),
);

/** What a client puts on a stream: frames, good and not, and what is no frame. */
const utterance: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 4, arbitrary: anyBytes.map((bytes) => framed(bytes)) },
  { weight: 1, arbitrary: anyBytes },
  {
    weight: 1,
    arbitrary: fc
      .tuple(anyBytes, fc.nat(0xffffffff), fc.nat(255))
      .map(([bytes, length, flag]) => framed(bytes, { length, flag })),
  },
  { weight: 1, arbitrary: anyBytes.map((bytes) => framed(bytes, { flag: 1 })) },
);

const token = fc.constantFrom('token:a', 'token:a', 'token:a', 'of nobody', undefined);

test(
  'whatever bytes a stream says, the others are served and nothing of another is answered',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(utterance, { minLength: 1, maxLength: 4 }),
        token,
        async (said, credential) => {
          const raw = await openRaw(
            mesh.port,
            credential === undefined ? {} : { token: credential },
          );
          for (const bytes of said) raw.write(bytes);
          raw.end();
          const { http } = await raw.ended;
          expect(http === 0 || http === 200).toBe(true);
          expect(raw.received().includes(othersMark)).toBe(false);
          raw.close();
        },
      ),
      { numRuns },
    );
  },
  timeoutMs,
);

const ownNames = ['c', 'own', 'default', 'private', '*', 'pod/b', 'pod/b/own', '', '__proto__'];
const names = fc.array(fc.constantFrom(...ownNames), { maxLength: 5 });
const knownTypes = Object.values(typeUrls);

const request = fc.oneof(
  fc.record(
    {
      node: fc.record({ id: fc.constantFrom('a', 'a', 'a', 'b', '') }),
      type_url: fc.constantFrom(...knownTypes),
      resource_names_subscribe: names,
      resource_names_unsubscribe: names,
      initial_resource_versions: fc.dictionary(fc.constantFrom(...ownNames), fc.string()),
      response_nonce: fc.constantFrom('', '1', '2', 'x'),
      error_detail: fc.record({ code: fc.constantFrom(0, 3), message: fc.string() }),
    },
    { requiredKeys: ['type_url'] },
  ),
  arbitraryMessage(typeName, 3),
);

test(
  'whatever a client of one identity asks for, it never gets what another alone may have',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 8 }), async (requests) => {
        const raw = await openRaw(mesh.port, { token: 'token:a' });
        const first = { node: { id: 'a' }, type_url: typeUrls.secret };
        for (const one of [first, ...requests]) raw.write(framed(encodeUnknown(typeUrl, one)));
        raw.end();
        await raw.ended;
        expect(raw.received().includes(othersMark)).toBe(false);
        raw.close();
      }),
      { numRuns },
    );
    // Who may have it does get it: the mark would be seen.
    const raw = await openRaw(mesh.port, { token: 'token:b' });
    const asks = {
      node: { id: 'b' },
      type_url: typeUrls.secret,
      resource_names_subscribe: ['own'],
    };
    raw.write(framed(encodeUnknown(typeUrl, asks)));
    await until(() => raw.received().includes(othersMark));
    raw.close();
  },
  timeoutMs,
);

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
/** A frame of HTTP/2, of any type and with any contents. */
const httpFrame = fc
  .record({
    type: fc.nat(12),
    flags: fc.nat(255),
    stream: fc.constantFrom(0, 1, 3, 0x7fffffff),
    payload: fc.uint8Array({ maxLength: 60 }),
  })
  .map(({ type, flags, stream, payload }) => {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head.writeUInt8(type, 3);
    head.writeUInt8(flags, 4);
    head.writeUInt32BE(stream, 5);
    return Buffer.concat([head, payload]);
  });

test(
  'whatever comes over a connection that is no HTTP/2, or a broken one, others are served',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.array(fc.oneof(httpFrame, fc.uint8Array({ maxLength: 100 })), { maxLength: 6 }),
        async (isHttp, said) => {
          const socket = createConnection(mesh.port, '127.0.0.1');
          socket.on('error', () => undefined);
          await once(socket, 'connect');
          socket.resume();
          if (isHttp) socket.write(Buffer.concat([preface, settings]));
          for (const bytes of said) socket.write(bytes);
          await stillServed();
          socket.destroy();
        },
      ),
      { numRuns },
    );
  },
  timeoutMs,
);

test('hundreds of hostile streams leave nothing in memory', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = (): number => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const large = (at: number): Buffer =>
    framed(
      encodeUnknown(typeUrl, {
        node: { id: 'a', metadata: { filler: `${String(at)}${'x'.repeat(300_000)}` } },
        type_url: typeUrls.endpoint,
        resource_names_subscribe: Array.from({ length: 5_000 }, (_, name) => `n${String(name)}`),
        initial_resource_versions: { [`v${String(at)}`]: '1' },
      }),
    );
  const round = async (from: number): Promise<void> => {
    for (let at = from; at < from + 40; at += 1) {
      const raw = await openRaw(mesh.port, { token: 'token:a' });
      raw.write(large(at));
      if (at % 2 === 0) raw.end();
      else raw.write(framed(Buffer.from([0xff])));
      await raw.ended;
      raw.close();
    }
    await until(() => mesh.server.streamCount() === 1);
    mesh.log.length = 0;
  };
  await round(0);
  const before = used();
  await round(40);
  await round(80);
  // Eighty such streams said 30 MB and asked for 400,000 names.
  expect(used() - before).toBeLessThan(10_000_000);
});
