/** Laws of the webhook under hostile requests: each is answered in words, nothing breaks, and the next review is made. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { request } from 'node:https';
import { connect as connectTls } from 'node:tls';
import { silentLogger } from '../lib/index.js';
import { makeCertificate } from '../xds/testing/mesh.js';
import { createWebhookServer, type WebhookServer } from './server.js';
import { defaultSettings as settings } from './settings.js';

/** `SKERRY_RUNS=5000` for more. */
const numRuns = Number(process.env['SKERRY_RUNS'] ?? 100);
const timeoutMs = 30_000 + 20 * numRuns;
const mib = 1024 * 1024;

let server: WebhookServer;
let port: number;
const bugs: unknown[] = [];

beforeAll(async () => {
  const { certificateChain: chain, privateKey: key } = makeCertificate();
  server = createWebhookServer({
    ...{ host: '127.0.0.1', port: 0, settings, certificate: { chain, key } },
    logger: { ...silentLogger, error: (...said) => bugs.push(said) },
  });
  port = await server.start();
});

afterAll(async () => {
  await server.stop();
});

interface Answer {
  readonly status: number;
  readonly text: string;
}

interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly type?: string;
  readonly body: Uint8Array | string;
}

/** Undefined: the connection was closed before there was an answer. */
function ask({
  method = 'POST',
  path = '/inject',
  type = 'application/json',
  body,
}: Asked): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const sent = request(
      {
        ...{ host: '127.0.0.1', port, method, path, headers: { 'content-type': type } },
        ...{ agent: false, rejectUnauthorized: false },
      },
      (response) => {
        let text = '';
        response.on('data', (chunk) => (text += String(chunk)));
        response.on('error', () => {
          resolve(undefined);
        });
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, text });
        });
      },
    );
    sent.on('error', () => {
      resolve(undefined);
    });
    sent.end(body);
  });
}

const good = {
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid: 'u-1',
    kind: { kind: 'Pod' },
    operation: 'CREATE',
    namespace: 'shop',
    object: { spec: { containers: [{ name: 'app' }] } },
  },
};

async function stillReviews(): Promise<void> {
  const answer = await ask({ body: JSON.stringify(good) });
  expect(answer?.status).toBe(200);
  expect(JSON.parse(answer?.text ?? '')).toMatchObject({ response: { allowed: true } });
  expect(bugs).toEqual([]);
}

const text = JSON.stringify(good);
const damaged = fc
  .tuple(fc.nat(text.length), fc.nat(text.length), fc.string({ maxLength: 10 }))
  .map(([cut, from, more]) => `${text.slice(0, cut)}${more}${text.slice(from)}`);
/** A review of which one part is something else. */
const replaced = fc
  .tuple(
    fc.constantFrom('uid', 'kind', 'operation', 'namespace', 'object', 'options', '__proto__'),
    fc.jsonValue(),
  )
  .map(([name, value]) => JSON.stringify({ ...good, request: { ...good.request, [name]: value } }));
const body: fc.Arbitrary<Uint8Array | string> = fc.oneof(
  damaged,
  replaced,
  fc.json(),
  fc.uint8Array({ maxLength: 400 }),
  fc.integer({ min: 1, max: 20_000 }).map((depth) => '['.repeat(depth)),
  fc.integer({ min: 1, max: 20_000 }).map((depth) => '{"a":'.repeat(depth)),
);
const asked: fc.Arbitrary<Asked> = fc.record({
  body,
  type: fc.constantFrom(
    ...['application/json', 'application/json', 'application/json', 'application/json; charset=x'],
    ...['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'x', ''],
  ),
  method: fc.constantFrom('POST', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE'),
  path: fc.constantFrom('/inject', '/inject', '/inject', '/inject/', '/healthz', '/%00', '/../x'),
});

test(
  'whatever is asked is answered, as a review or as what is wrong with it',
  async () => {
    await fc.assert(
      fc.asyncProperty(asked, async (one) => {
        const answer = await ask(one);
        expect([200, 400, 404, 413, 415]).toContain(answer?.status);
        if (answer?.status !== 200) return;
        expect(JSON.parse(answer.text)).toMatchObject({ response: { uid: expect.any(String) } });
      }),
      { numRuns },
    );
    await stillReviews();
  },
  timeoutMs,
);

test('a body that goes on and on is cut off where it is too long, though it announced nothing', async () => {
  let sent = 0;
  const status = await new Promise<number | undefined>((resolve) => {
    const headers = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' };
    const options = { host: '127.0.0.1', port, method: 'POST', path: '/inject', headers };
    const asking = request({ ...options, agent: false, rejectUnauthorized: false }, (response) => {
      resolve(response.statusCode);
      asking.destroy();
    });
    asking.on('error', () => {
      resolve(undefined);
    });
    const more = (): void => {
      if (asking.destroyed || sent > 50 * mib) return;
      sent += mib;
      asking.write(Buffer.alloc(mib, 0x20), () => {
        setImmediate(more);
      });
    };
    more();
  });
  expect([413, undefined]).toContain(status);
  expect(sent).toBeLessThan(40 * mib);
  await stillReviews();
});

test('two hundred who connect and say nothing keep the API server not out', async () => {
  const sockets = Array.from({ length: 200 }, () =>
    connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }).on('error', () => undefined),
  );
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.once('secureConnect', resolve);
        }),
    ),
  );
  await stillReviews();
  for (const socket of sockets) socket.destroy();
});
