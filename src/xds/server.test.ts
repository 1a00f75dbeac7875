/** The service over a real connection: who gets in, what is refused, what is dropped. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { createConnection } from 'node:net';
import { typeUrls } from '../envoy/index.js';
import { createDiscoveryClient } from './testing/grpc-client.js';
import { makeCertificate, until } from './testing/mesh.js';
import { createOpenings } from './testing/openings.js';
import { cluster, endpoints, listener, set } from './testing/resources.js';
import { words } from './testing/rig.js';
import { createXdsServer } from './server.js';

const { cluster: cds, endpoint: eds, listener: lds } = typeUrls;
const node = { id: 'a' };

const { mesh, connect, atEnd, closeAll } = createOpenings();
afterEach(closeAll);

describe('getting in', () => {
  test.each([true, false])(
    'a client with a token and its own node id is served (delta: %s)',
    async (isDelta) => {
      const one = await mesh();
      one.turn(set([cluster('c')]));
      const stream = connect(one, { isDelta });
      stream.send({ node, type_url: cds });
      const response = await stream.next();
      expect(words([response])).toEqual(['+c=1']);
      stream.ack(response);
      await until(() => one.log.includes('ack Cluster c'));
      expect(one.log).toEqual(['authenticate', 'admit a', 'open a', 'ack Cluster c']);
    },
  );

  test('a client without a token is refused before a byte of it is decoded', async () => {
    const one = await mesh();
    const stream = connect(one, { token: 'of somebody' });
    void stream.sendBytes(Buffer.from('this is no protobuf'));
    expect(await stream.ended).toEqual({ code: 'UNAUTHENTICATED', message: 'no token' });
    expect(one.log).toEqual(['authenticate', 'refused unauthenticated']);
  });

  test('nothing is taken from a client before it is authenticated', async () => {
    let letIn: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      letIn = resolve;
    });
    const one = await mesh({ authenticating: () => held });
    const stream = connect(one);
    let isTaken = false;
    const taken = stream.sendBytes(Buffer.alloc(5_000_000)).then(() => {
      isTaken = true;
    });
    await until(() => one.log.includes('authenticate'));
    const ping = await mesh();
    const other = connect(ping);
    other.send({ node, type_url: cds });
    await other.next();
    expect(isTaken).toBe(false);
    letIn();
    await taken;
    expect(await stream.ended).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('a node id that is not the one of the token is refused', async () => {
    const one = await mesh();
    const stream = connect(one);
    stream.send({ node: { id: 'b' }, type_url: cds });
    expect(await stream.ended).toMatchObject({ code: 'PERMISSION_DENIED' });
    expect(one.log).not.toContain('release');
  });

  test('a first request without a node is refused', async () => {
    const one = await mesh();
    const stream = connect(one);
    stream.send({ type_url: cds });
    expect(await stream.ended).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('a node id that changes within the stream ends it', async () => {
    const one = await mesh();
    const stream = connect(one);
    stream.send({ node, type_url: cds });
    await stream.next();
    stream.send({ node: { id: 'b' }, type_url: lds });
    expect(await stream.ended).toMatchObject({ code: 'INVALID_ARGUMENT' });
    await until(() => one.log.includes('release'));
  });

  test('a stream that says nothing is ended in time', async () => {
    const one = await mesh({ limits: { firstRequestMs: 50 } });
    const stream = connect(one);
    expect(await stream.ended).toMatchObject({
      code: 'UNAVAILABLE',
      message: 'no request in time',
    });
  });

  test('streams are unavailable until the sources have synced (kuma#2171, istio#29599)', async () => {
    const one = await mesh({ isServing: false });
    const early = connect(one);
    early.send({ node, type_url: cds });
    expect(await early.ended).toMatchObject({ code: 'UNAVAILABLE', message: 'not serving yet' });
    expect(one.log).toEqual(['refused unavailable']);
    one.turn(set([cluster('c')]));
    one.server.setServing(true);
    const late = connect(one);
    late.send({ node, type_url: cds });
    expect(words([await late.next()])).toEqual(['+c=1']);
  });

  test('plaintext is refused on anything but loopback', () => {
    const build = (): unknown =>
      createXdsServer({
        host: '0.0.0.0',
        port: 0,
        certificate: 'plaintext',
      } as Parameters<typeof createXdsServer>[0]);
    expect(build).toThrow('plaintext xDS is for loopback only');
  });
});

describe('bad clients', () => {
  test('bytes that are no request end the stream', async () => {
    const one = await mesh();
    const stream = connect(one);
    void stream.sendBytes(Buffer.from([0xff, 0xff, 0xff, 0xff]));
    expect(await stream.ended).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('messages nested without end are refused, and the service lives (protobuf.js#2121)', async () => {
    const one = await mesh();
    let bytes = Buffer.alloc(0);
    // node.metadata.fields[].value.list_value.values[]...: each level wraps the one before.
    for (let depth = 0; depth < 5_000; depth += 1) {
      const list = Buffer.concat([Buffer.from([0x0a]), lengthOf(bytes), bytes]);
      bytes = Buffer.concat([Buffer.from([0x32]), lengthOf(list), list]);
    }
    const entry = Buffer.concat([Buffer.from([0x0a, 0x01, 0x6b, 0x12]), lengthOf(bytes), bytes]);
    const fields = Buffer.concat([Buffer.from([0x0a]), lengthOf(entry), entry]);
    const metadata = Buffer.concat([Buffer.from([0x1a]), lengthOf(fields), fields]);
    const stream = connect(one);
    void stream.sendBytes(Buffer.concat([Buffer.from([0x0a]), lengthOf(metadata), metadata]));
    expect(await stream.ended).toMatchObject({ code: 'INVALID_ARGUMENT' });
    const next = connect(one);
    next.send({ node, type_url: cds });
    await next.next();
  });

  test('a request over the size limit ends the stream', async () => {
    const one = await mesh({ server: { maxReceiveBytes: 10_000 } });
    const stream = connect(one);
    stream.send({ node, type_url: cds, resource_names_subscribe: ['x'.repeat(20_000)] });
    expect(await stream.ended).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  });

  test('a reconnect with 60,000 initial versions is taken (envoy-gateway#9564)', async () => {
    const one = await mesh();
    const versions = Object.fromEntries(
      Array.from({ length: 60_000 }, (_, at) => [
        `outbound|80||service-${at}.namespace.svc`,
        'x'.repeat(64),
      ]),
    );
    const stream = connect(one);
    stream.send({
      node,
      type_url: eds,
      resource_names_subscribe: ['a'],
      initial_resource_versions: versions,
    });
    expect(words([await stream.next()])).toEqual(['-a']);
  });

  test('a client that does not read is dropped, with its connection', async () => {
    const one = await mesh({ limits: { stallMs: 300 } });
    const text = 'x'.repeat(900_000);
    one.turn(set(Array.from({ length: 40 }, (_, at) => endpoints(`e${at}`, `${at}${text}`))));
    const stream = connect(one);
    stream.stopReading();
    for (let at = 0; at < 40; at += 1) {
      const typeUrl = at === 0 ? eds : `type.googleapis.com/test.T${at}`;
      stream.send({ node, type_url: typeUrl, resource_names_subscribe: ['e0'] });
    }
    one.turn(
      Array.from({ length: 39 }, (_, at) => {
        const resource = endpoints('e0', `${at}${text}`);
        const typeUrl = `type.googleapis.com/test.T${at + 1}`;
        return { scope: 'mesh', typeUrl, name: 'e0', resource: { ...resource, typeUrl } };
      }),
    );
    await until(() => one.log.includes('close a: too slow'));
    expect(one.server.streamCount()).toBe(0);
    expect(await stream.ended).toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('32 types on one stream are all answered', async () => {
    const one = await mesh();
    const stream = connect(one);
    const urls = Array.from({ length: 32 }, (_, at) => `type.googleapis.com/test.T${at}`);
    for (const url of urls) stream.send({ node, type_url: url, resource_names_subscribe: ['x'] });
    const answered = new Set<string>();
    while (answered.size < 32) answered.add((await stream.next()).typeUrl);
    expect([...answered].toSorted()).toEqual(urls.toSorted());
  });

  test('a connection that breaks in the handshake is of no consequence', async () => {
    const one = await mesh({ certificate: makeCertificate() });
    await new Promise<void>((resolve) => {
      const socket = createConnection(one.port, '127.0.0.1', () => {
        socket.write('GET / HTTP/1.1\r\n\r\n');
        socket.resetAndDestroy();
        resolve();
      });
      socket.on('error', () => undefined);
    });
    expect(one.server.streamCount()).toBe(0);
  });

  test('1,000 refused streams leave nothing behind (consul#23231)', async () => {
    const one = await mesh();
    const client = createDiscoveryClient(one.address);
    atEnd(() => {
      client.close();
    });
    // Node 24 closes refused streams a round trip later than 20: two rounds must fit into the 16
    // streams that a connection may have at once.
    for (let at = 0; at < 1_000; at += 8) {
      const streams = Array.from({ length: 8 }, () => client.open({ isDelta: true }));
      await Promise.all(streams.map(({ ended }) => ended));
    }
    expect(one.server.streamCount()).toBe(0);
    expect(one.log.filter((word) => word === 'refused unauthenticated')).toHaveLength(1_000);
  });
});

function lengthOf(bytes: Buffer): Buffer {
  const out: number[] = [];
  let left = bytes.length;
  while (left > 0x7f) {
    out.push((left & 0x7f) | 0x80);
    left >>>= 7;
  }
  return Buffer.from([...out, left]);
}

describe('the life of a stream', () => {
  test('what it demanded is taken back when it ends', async () => {
    const one = await mesh();
    const stream = connect(one);
    stream.send({ node, type_url: cds, resource_names_subscribe: ['x'] });
    await until(() => one.log.includes('want x'));
    stream.close();
    await until(() => one.log.includes('release'));
    expect(one.log.slice(-3)).toEqual(['leave x', 'release', 'close a: closed by the client']);
  });

  test('it ends when its credentials expire', async () => {
    const one = await mesh({ expiresAtMs: Date.now() + 200 });
    const stream = connect(one);
    stream.send({ node, type_url: cds });
    await stream.next();
    expect(await stream.ended).toEqual({
      code: 'UNAUTHENTICATED',
      message: 'the credentials have expired',
    });
  });

  test('all streams of a proxy can be closed from outside', async () => {
    const one = await mesh();
    const [a, b] = [connect(one), connect(one, { token: 'token:b' })];
    a.send({ node, type_url: cds });
    b.send({ node: { id: 'b' }, type_url: cds });
    await Promise.all([a.next(), b.next()]);
    const reason = { code: 'permission-denied', message: 'the pod is gone' } as const;
    expect(one.server.closeProxy('a', reason)).toBe(1);
    expect(await a.ended).toEqual({ code: 'PERMISSION_DENIED', message: 'the pod is gone' });
    expect(one.server.proxies().map(({ proxyId }) => proxyId)).toEqual(['b']);
  });

  test('a snapshot tells what was sent, accepted and refused', async () => {
    const one = await mesh();
    one.turn(set([cluster('good'), listener('bad')]));
    const stream = connect(one);
    stream.send({
      node: {
        id: 'a',
        user_agent_build_version: { version: { major_number: 1, minor_number: 40 } },
      },
      type_url: cds,
    });
    stream.send({ type_url: lds });
    stream.ack(await stream.next());
    const { nonce } = await stream.next();
    stream.send({ type_url: lds, response_nonce: nonce, error_detail: { code: 3, message: 'no' } });
    await until(() => one.log.includes('nack Listener bad true'));
    expect(one.server.proxies()).toMatchObject([
      {
        proxyId: 'a',
        identity: { name: 'a' },
        clientVersion: '1.40.0',
        isDelta: true,
        state: {
          settledGeneration: 1,
          types: [
            { typeUrl: cds, heldCount: 1, bodiesSent: 1, ackCount: 1, generationAcked: 1 },
            {
              typeUrl: lds,
              heldCount: 0,
              nackCount: 1,
              rejected: [{ name: 'bad', message: 'no', origins: ['Test default/bad'] }],
            },
          ],
        },
      },
    ]);
  });

  test('a reconnect to another replica with the same contents sends no body', async () => {
    const contents = set([cluster('a'), cluster('b')]);
    const [first, second] = [await mesh(), await mesh()];
    first.turn(contents);
    second.turn(contents);
    const one = connect(first);
    one.send({ node, type_url: cds });
    const { resources } = await one.next();
    const versions = Object.fromEntries(resources.map(({ name, version }) => [name, version]));
    const two = connect(second);
    two.send({ node, type_url: cds, initial_resource_versions: versions });
    await until(() => second.log.includes('ack Cluster a,b'));
    expect(second.server.proxies()[0]?.state.types).toMatchObject([
      { bodiesSent: 0, responsesSent: 0, heldCount: 2 },
    ]);
  });

  test('a bug in a handler ends that stream alone', async () => {
    const one = await mesh({
      events: {
        onDemand: () => {
          throw new Error('a bug');
        },
      },
    });
    const [a, b] = [connect(one), connect(one)];
    b.send({ node, type_url: eds, resource_names_subscribe: ['x'] });
    await b.next();
    a.send({ node, type_url: cds, resource_names_subscribe: ['x'] });
    expect(await a.ended).toMatchObject({ code: 'INTERNAL', message: 'internal error' });
    expect(one.log).toContain('error Error: a bug');
    expect(one.server.streamCount()).toBe(1);
  });

  test('300 clients at once are all served', async () => {
    const one = await mesh();
    one.turn(set(Array.from({ length: 50 }, (_, at) => cluster(`c${at}`))));
    const streams = Array.from({ length: 300 }, (_, at) => {
      const stream = connect(one, { token: `token:p${at}` });
      stream.send({ node: { id: `p${at}` }, type_url: cds });
      return stream;
    });
    const responses = await Promise.all(streams.map((stream) => stream.next()));
    expect(responses.every(({ resources }) => resources.length === 50)).toBe(true);
  });
});
