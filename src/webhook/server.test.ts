/** The webhook over HTTPS: its two paths, its limits, and a certificate renewed while it serves. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { silentLogger } from '../lib/index.js';
import { createWebhookServer, type WebhookCertificate, type WebhookServer } from './server.js';
import { defaultSettings as settings } from './settings.js';

interface Answer {
  readonly status: number;
  readonly body: string;
  /** Subject of the certificate that the server showed. */
  readonly subject: string;
}

let folder: string;
let server: WebhookServer;
let port: number;
const outcomes: string[] = [];

function selfSigned(name: string): WebhookCertificate {
  const [key, chain] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
  const subject = ['-subj', `/CN=${name}`, '-days', '1'];
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...fresh, ...subject, '-keyout', key, '-out', chain], {
    stdio: 'ignore',
  });
  return { chain: readFileSync(chain, 'utf8'), key: readFileSync(key, 'utf8') };
}

function call(path: string, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const method = body === undefined ? 'GET' : 'POST';
    const options = { host: '127.0.0.1', port, path, method, headers };
    // The certificates are our own, made for this test.
    const sent = request({ ...options, agent: false, rejectUnauthorized: false }, (response) => {
      const raw = (response.socket as TLSSocket).getPeerCertificate().raw;
      const subject = new X509Certificate(raw).subject;
      let text = '';
      response.on('data', (chunk) => (text += String(chunk)));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body: text, subject });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'skerry-webhook-'));
  server = createWebhookServer({
    ...{ host: '127.0.0.1', port: 0, settings, logger: silentLogger },
    certificate: selfSigned('first'),
    onReview: (outcome) => outcomes.push(outcome),
  });
  port = await server.start();
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('a review is answered and counted', async () => {
  const object = { spec: { containers: [{ name: 'app' }] } };
  const asked = {
    uid: 'u-1',
    kind: { kind: 'Pod' },
    operation: 'CREATE',
    namespace: 'shop',
    object,
  };
  const review = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: asked };
  const { status, body } = await call('/inject', JSON.stringify(review));
  expect(status).toBe(200);
  expect(JSON.parse(body)).toMatchObject({ response: { uid: 'u-1', allowed: true } });
  expect(outcomes).toContain('injected');
});

test('it says that it lives', async () => {
  expect(await call('/healthz')).toMatchObject({ status: 200 });
});

test.each([
  ['what is no JSON', '{', 400],
  ['a prototype', '{"__proto__": {"x": 1}}', 400],
  ['what is no review', '{}', 400],
])('%s is refused with a reason', async (_, sent, expected) => {
  const { status, body } = await call('/inject', sent);
  expect(status).toBe(expected);
  expect(JSON.parse(body)).toMatchObject({ error: expect.any(String) });
});

test('more than 3 MiB is refused by its announced length, before it is read', async () => {
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': 3 * 1024 * 1024 + 1 };
    const where = { host: '127.0.0.1', port, path: '/inject', method: 'POST', headers };
    const sent = request({ ...where, agent: false, rejectUnauthorized: false }, (response) => {
      resolve(response.statusCode);
      sent.destroy();
    });
    sent.on('error', reject);
    sent.flushHeaders();
  });
  expect(status).toBe(413);
});

test('a new certificate is shown without a restart, and a wrong one changes nothing', async () => {
  const second = selfSigned('second');
  const third = selfSigned('third');
  server.renew(second);
  expect(await call('/healthz')).toMatchObject({ status: 200, subject: 'CN=second' });
  expect(() => {
    server.renew({ chain: third.chain, key: second.key });
  }).toThrow();
  expect(await call('/healthz')).toMatchObject({ status: 200, subject: 'CN=second' });
});

test('a server that stops waits for nobody who has connected and says nothing', async () => {
  const stopping = createWebhookServer({
    ...{ host: '127.0.0.1', port: 0, settings, logger: silentLogger },
    certificate: selfSigned('stopping'),
  });
  const address = { host: '127.0.0.1', port: await stopping.start() };
  const open = (socket: Socket, event: string): Promise<void> =>
    new Promise((resolve, reject) => {
      socket.once(event, resolve).once('error', reject);
    });
  const silent = connect(address);
  const secured = connectTls({ ...address, rejectUnauthorized: false });
  await Promise.all([open(silent, 'connect'), open(secured, 'secureConnect')]);
  const ends = [silent, secured].map(
    (socket) =>
      new Promise<void>((resolve) => {
        socket.removeAllListeners('error').on('error', () => undefined);
        socket.once('close', () => {
          resolve();
        });
      }),
  );
  await stopping.stop();
  await Promise.all(ends);
}, 15_000);
