/** The readiness listener under real calls: HTTP and TCP probes, with an app that lives, lies, hangs and dies. */
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { createServer as createHttp } from 'node:http';
import { createSecureServer as createHttp2 } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp, type Server } from 'node:net';
import { lingerPath } from '../../model/index.js';
import { makeAuthority } from './testing/certificates.js';
import {
  ask,
  createReadinessRig,
  path,
  probeOf,
  timeoutMs,
  untilStatus,
  type Ask,
} from './testing/readiness-rig.js';

const kinds = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;
/** Envoy's timers count from when its loop last read the clock, which is before it reads the request. */
const timerSlackMs = 20;

const { folder, startSidecar, listen, endAll, remove } = createReadinessRig();
afterEach(endAll);
afterAll(remove);

describe('an HTTP probe', () => {
  test.each([200, 204, 301, 302, 307, 399, 400, 404, 500, 503])(
    'passes the status %i on as the app gave it',
    async (status) => {
      const app = await listen(
        createHttp((_, response) => response.writeHead(status, { location: '/elsewhere' }).end()),
      );
      const envoy = await startSidecar([probeOf(app.port, {})]);
      expect((await ask(envoy)).status).toBe(status);
    },
  );

  test('asks for exactly what the spec says, and carries nothing of its caller', async () => {
    const seen: unknown[] = [];
    const server = createHttp((incoming, response) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        seen.push([incoming.method, incoming.url, incoming.rawHeaders, body]);
        response.end();
      });
    });
    const { port } = await listen(server);
    const host = 'web.local';
    const headers = [
      { name: 'x-share', value: '100% %START_TIME%' },
      { name: 'X-Two', value: '1' },
      { name: 'X-Two', value: '2' },
    ];
    const envoy = await startSidecar([
      probeOf(port, { path: '/live?full=1&q=a%20b', host, headers }),
      probeOf(port, {}, 'readinessProbe'),
    ]);
    const evil = {
      'x-evil': '1',
      'x-forwarded-client-cert': 'URI=spiffe://cluster.local/x',
      cookie: 'a=b',
    };
    await ask(envoy, { headers: evil, body: 'evil' });
    await ask(envoy, { path: path.replace('liveness', 'readiness'), headers: { host: 'evil' } });
    const sent = [
      'host',
      host,
      'user-agent',
      'kube-probe/skerry',
      'x-share',
      '100% %START_TIME%',
      'x-two',
      '1',
      'x-two',
      '2',
    ];
    const [first, second] = seen as [string, string, string[], string][];
    expect(first?.slice(0, 2)).toEqual(['GET', '/live?full=1&q=a%20b']);
    expect(first?.[2].filter((text) => !/^(transfer-encoding|chunked)$/.test(text))).toEqual(sent);
    expect(first?.[3]).toBe('');
    expect(second).toEqual([
      'GET',
      '/',
      ['host', `127.0.0.1:${String(port)}`, 'user-agent', 'kube-probe/skerry'],
      '',
    ]);
  });

  test('brings back a status and nothing else', async () => {
    const secret = 'what authorization keeps from others '.repeat(100_000);
    const app = await listen(
      createHttp((_, response) => {
        response.writeHead(200, { 'x-secret': '1', 'set-cookie': 'a=b' }).end(secret);
      }),
    );
    const envoy = await startSidecar([probeOf(app.port, {})]);
    const { status, headers, body } = await ask(envoy);
    expect([status, body]).toEqual([200, '']);
    expect(Object.keys(headers).sort()).toEqual(['connection', 'date', 'transfer-encoding']);
  });

  test('leads to nothing but itself', async () => {
    let calls = 0;
    const app = await listen(
      createHttp((_, response) => {
        calls += 1;
        response.end();
      }),
    );
    const envoy = await startSidecar([probeOf(app.port, {})]);
    const others: Ask[] = [
      { path: '/' },
      { path: '/admin' },
      { path: `${path}/` },
      { path: `${path}/../../../../admin` },
      { path: `${path}?x=1` },
      { path: path.replace('app', 'other') },
      { path, method: 'POST' },
      { path, method: 'HEAD' },
      { path, method: 'DELETE', headers: { 'x-http-method-override': 'GET' } },
    ];
    for (const other of others)
      expect([other, (await ask(envoy, other)).status]).toEqual([other, 404]);
    expect(calls).toBe(0);
  });

  test('fails when the app takes longer than it may', async () => {
    const app = await listen(createHttp(() => undefined));
    const envoy = await startSidecar([probeOf(app.port, {})]);
    const startedAt = Date.now();
    expect((await ask(envoy)).status).toBe(504);
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(timeoutMs - timerSlackMs);
  });

  test('fails at once when the app has died, and passes when it is back', async () => {
    const serve = (): Server => createHttp((_, response) => response.end());
    const app = await listen(serve());
    const envoy = await startSidecar([probeOf(app.port, {})]);
    expect((await ask(envoy)).status).toBe(200);
    await app.die();
    expect((await ask(envoy)).status).toBe(503);
    await listen(serve(), app.port);
    expect((await ask(envoy)).status).toBe(200);
  });

  test.each(['HTTP/1.1', 'HTTP/2'])(
    'over TLS takes any certificate and speaks %s',
    async (version) => {
      const { cert, key } = makeAuthority(folder, 'own').issue('own', 'spiffe://a/b');
      const server =
        version === 'HTTP/2'
          ? createHttp2({ cert, key }, (_, response) => {
              response.end();
            })
          : createHttps({ cert, key }, (_, response) => {
              response.end();
            });
      const app = await listen(server);
      const envoy = await startSidecar([probeOf(app.port, { scheme: 'https' })]);
      expect((await ask(envoy)).status).toBe(200);
      await app.die();
      expect((await ask(envoy)).status).toBe(503);
    },
  );
});

describe('a TCP probe', () => {
  test('fails until the app accepts, and when it has died', async () => {
    const { port, die } = await listen(createTcp());
    await die();
    const envoy = await startSidecar([probeOf(port, { kind: 'tcp' })]);
    expect((await ask(envoy)).status).toBe(503);
    const app = await listen(
      createTcp((socket) => socket.end()),
      port,
    );
    await untilStatus(envoy, 200);
    await app.die();
    await untilStatus(envoy, 503);
    await listen(createTcp(), port);
    await untilStatus(envoy, 200);
  });
});

test('the sidecar is ready once both its listeners take connections, and not before', async () => {
  const [outbound, inbound] = [await listen(createTcp()), await listen(createTcp())];
  await inbound.die();
  const ports = { 15001: outbound.port, 15006: inbound.port };
  const envoy = await startSidecar([], ports);
  expect((await ask(envoy, { path: '/ready' })).status).toBe(503);
  await listen(createTcp(), inbound.port);
  expect(await untilStatus(envoy, 200, { path: '/ready' })).toBeLessThan(2_000);
});

test('a preStop hook is held until callers are gone, and disturbs nobody', async () => {
  const app = await listen(createHttp((_, response) => response.end()));
  const envoy = await startSidecar([probeOf(app.port, {})]);
  const startedAt = Date.now();
  const held = ask(envoy, { path: lingerPath });
  expect((await ask(envoy)).status).toBe(200);
  expect(Date.now() - startedAt).toBeLessThan(1_500);
  expect((await held).status).toBe(200);
  expect(Date.now() - startedAt).toBeGreaterThanOrEqual(2_000 - timerSlackMs);
});

test('probes of one container are told apart', async () => {
  const answers = [200, 500, 404];
  const apps = await Promise.all(
    answers.map((status) => listen(createHttp((_, response) => response.writeHead(status).end()))),
  );
  const envoy = await startSidecar(
    kinds.map((kind, index) => probeOf(apps[index]?.port ?? 0, {}, kind)),
  );
  const found = await Promise.all(
    kinds.map(async (kind) => (await ask(envoy, { path: `/skerry/probe/app/${kind}` })).status),
  );
  expect(found).toEqual(answers);
});
