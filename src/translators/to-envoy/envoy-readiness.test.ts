/** The readiness listener under real calls: each kind of probe, with an app that lives, lies, hangs and dies. */
import { Server as GrpcServer, ServerCredentials, status, type sendUnaryData } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttp, request, type IncomingHttpHeaders } from 'node:http';
import { createSecureServer as createHttp2 } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lingerPath, type Probe, type ProbeCheck } from '../../model/index.js';
import {
  spellFixedClusters,
  spellListening,
  spellReadiness,
  spellReadinessClusters,
} from './spell.js';
import { makeAuthority, type Authority } from './testing/certificates.js';
import { envoyBinary, startEnvoy, type RealEnvoy } from './testing/real-envoy.js';

const path = '/skerry/probe/app/livenessProbe';
const kinds = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;
const timeoutMs = 500;
const periodMs = 1_000;
/** Envoy's timers count from when its loop last read the clock, which is before it reads the request. */
const timerSlackMs = 20;
/** A dead app is seen within its period; the rest is for a machine under load. */
const patienceMs = 8_000;

let folder: string;
let authority: Authority;
const undo: (() => unknown)[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skerry-readiness-'));
  authority = makeAuthority(folder, 'mesh');
});

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

type Http = Extract<ProbeCheck, { kind: 'http' }>;

const http = { kind: 'http', scheme: 'http', path: '/', headers: [] } as const;

function probeOf(
  port: number,
  check: Exclude<ProbeCheck, Http> | Partial<Omit<Http, 'kind'>>,
  kind: Probe['kind'] = 'livenessProbe',
): Probe {
  const whole: ProbeCheck = 'kind' in check ? check : { ...http, ...check };
  return { container: 'app', kind, port, timeoutMs, periodMs, check: whole };
}

async function startSidecar(
  probes: readonly Probe[],
  ports: Readonly<Record<string, number>> = {},
): Promise<RealEnvoy> {
  const ir = { namespace: 'shop', name: 'web-1', ip: '127.0.0.1', probes };
  const listening = Object.entries(ports).reduce(
    (text, [from, to]) => text.replaceAll(from, String(to)),
    JSON.stringify(spellListening()),
  );
  const envoy = await startEnvoy(envoyBinary(), mkdtempSync(join(folder, 'envoy-')), {
    listeners: [spellReadiness(ir)],
    clusters: [
      ...spellFixedClusters(),
      JSON.parse(listening) as object,
      ...spellReadinessClusters(ir),
    ],
    routes: [],
    endpoints: [],
    certificate: authority.issue('own', 'spiffe://cluster.local/ns/a/sa/a'),
    rootPem: authority.root.cert,
  });
  undo.push(() => envoy.stop());
  return envoy;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Ask {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** As the kubelet asks: a connection of its own each time. */
function ask(envoy: RealEnvoy, options: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { body, ...rest } = { path, ...options };
    const port = envoy.port('readiness');
    const asked = request({ host: '127.0.0.1', port, agent: false, ...rest }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        const { statusCode = 0, headers } = response;
        resolve({ status: statusCode, headers, body: text });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

async function untilStatus(envoy: RealEnvoy, status: number, options: Ask = {}): Promise<number> {
  const startedAt = Date.now();
  for (;;) {
    const found = (await ask(envoy, options)).status;
    const afterMs = Date.now() - startedAt;
    if (found === status) return afterMs;
    if (afterMs > patienceMs)
      throw new Error(`still ${String(found)} instead of ${String(status)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Listens on 127.0.0.1 and ends with the test; gives its port and a way to die. */
async function listen(
  server: Server,
  port = 0,
): Promise<{ port: number; die: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const die = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  undo.push(die);
  return { port: (server.address() as AddressInfo).port, die };
}

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

describe('a gRPC probe', () => {
  const serving = Buffer.from([8, 1]);
  const notServing = Buffer.from([8, 2]);
  const pass = (bytes: Buffer): Buffer => bytes;
  const check = {
    path: '/grpc.health.v1.Health/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: pass,
    requestDeserialize: pass,
    responseSerialize: pass,
    responseDeserialize: pass,
  };

  /** Answers for the service `shop.v1` alone; undefined: never. */
  async function startGrpc(
    answer: () => Buffer | undefined,
    port = 0,
  ): Promise<{ port: number; die: () => void }> {
    const server = new GrpcServer();
    server.addService(
      { check },
      {
        check: (call: { request: Buffer }, done: sendUnaryData<Buffer>) => {
          if (!call.request.toString().includes('shop.v1')) {
            done({ code: status.NOT_FOUND, details: 'unknown service' });
            return;
          }
          const value = answer();
          if (value !== undefined) done(null, value);
        },
      },
    );
    const bound = await new Promise<number>((resolve, reject) => {
      server.bindAsync(
        `127.0.0.1:${String(port)}`,
        ServerCredentials.createInsecure(),
        (error, own) => {
          if (error === null) resolve(own);
          else reject(error);
        },
      );
    });
    const die = (): void => {
      server.forceShutdown();
    };
    undo.push(die);
    return { port: bound, die };
  }

  test('follows what the service says, and fails when the app has died', async () => {
    let answer: Buffer | undefined = serving;
    const app = await startGrpc(() => answer);
    const envoy = await startSidecar([
      probeOf(app.port, { kind: 'grpc', service: 'shop.v1' }),
      probeOf(app.port, { kind: 'grpc', service: 'other' }, 'readinessProbe'),
    ]);
    await untilStatus(envoy, 200);
    expect((await ask(envoy, { path: path.replace('liveness', 'readiness') })).status).toBe(503);
    answer = notServing;
    await untilStatus(envoy, 503);
    answer = serving;
    await untilStatus(envoy, 200);
    answer = undefined;
    await untilStatus(envoy, 503);
    answer = serving;
    await untilStatus(envoy, 200);
    app.die();
    await untilStatus(envoy, 503);
  });

  test('fails where nobody speaks gRPC', async () => {
    const app = await listen(createHttp((_, response) => response.end()));
    const envoy = await startSidecar([probeOf(app.port, { kind: 'grpc', service: '' })]);
    await untilStatus(envoy, 503);
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
