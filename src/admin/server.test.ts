/** The admin API: who may open it, and the few things that it does. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAdminServer, type AdminServer, type AdminViews, type CaView } from './index.js';

const view: CaView = {
  ...{ replica: 'r1', isLeader: true, nowMs: 0, trustDomain: 'example.org', roots: [] },
  alarms: [],
  rotation: { phase: 'none', mode: 'staged', waiting: [], leftBehind: [] },
};

const views: AdminViews = {
  isReady: () => true,
  ca: () => view,
  proxies: () => [],
  diagnostics: () => [],
  config: () => undefined,
  explain: () => ({ ok: false, error: 'no' }),
  metrics: () => Promise.resolve(''),
};

let directory: string;
let socketPath: string;
let server: AdminServer;
let done: string[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'skerry-admin-'));
  socketPath = join(directory, 'admin.sock');
  done = [];
  server = createAdminServer({
    ...{ socketPath, views },
    actions: {
      rotate: (mode) => {
        done.push(mode);
        return Promise.resolve({ ok: true, value: view });
      },
      abortRotation: () => Promise.resolve({ ok: false, error: 'no rotation is under way' }),
    },
  });
  await server.start();
});
afterEach(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

function call(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ readonly status: number | undefined; readonly body: unknown }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const outgoing = request({ socketPath, path, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode, body: JSON.parse(text) });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

test('the socket is its owner’s alone', () => {
  expect(statSync(socketPath).mode & 0o777).toBe(0o600);
});

test.each([['staged'], ['forced']])('a rotation begins: %s', async (mode) => {
  expect(await call('POST', '/v1/ca/rotate', { mode })).toEqual({ status: 200, body: view });
  expect(done).toEqual([mode]);
});

test.each([[{}], [{ mode: 'quick' }], ['staged'], [undefined]])(
  'a rotation that is asked for as %j does not begin',
  async (body) => {
    expect((await call('POST', '/v1/ca/rotate', body)).status).toBeGreaterThanOrEqual(400);
    expect(done).toEqual([]);
  },
);

test('what is refused says why', async () => {
  expect(await call('POST', '/v1/ca/abort', {})).toEqual({
    status: 409,
    body: { message: 'no rotation is under way' },
  });
});

test.each([
  ['GET', '/v1/ca/rotate'],
  ['POST', '/v1/ca'],
  ['POST', '/v1/state'],
  ['DELETE', '/v1/proxies'],
  ['PUT', '/v1/config/a/b'],
])('%s %s does nothing', async (method, path) => {
  expect((await call(method, path)).status).toBe(404);
});
