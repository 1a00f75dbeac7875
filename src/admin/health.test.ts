/** Health as kubelet and Prometheus ask for it. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createConnection } from 'node:net';
import { createHealthServer, type HealthServer } from './index.js';

let reasons: readonly string[];
let server: HealthServer;
let url: string;

beforeEach(async () => {
  reasons = ['services: being listed'];
  server = createHealthServer({
    host: '127.0.0.1',
    port: 0,
    isReady: () => ({ ready: reasons.length === 0, reasons }),
    metrics: () => Promise.resolve('skerry_streams 3\n'),
  });
  url = `http://${await server.start()}`;
});
afterEach(() => server.stop());

test('what is not ready says why, and is alive', async () => {
  const ready = await fetch(`${url}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toEqual({ ready: false, reasons: ['services: being listed'] });
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});

test('readiness is looked at anew with each question', async () => {
  reasons = [];
  const ready = await fetch(`${url}/readyz`);
  expect(ready.status).toBe(200);
  expect(await ready.json()).toEqual({ ready: true, reasons: [] });
});

test('metrics are Prometheus text', async () => {
  const metrics = await fetch(`${url}/metrics`);
  expect(metrics.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(await metrics.text()).toBe('skerry_streams 3\n');
});

test.each(['/', '/v1/proxies', '/v1/config/a/b', '/v1/state', '/v1/explain?from=a/b&to=c.d'])(
  'nothing of the admin API is there: %s',
  async (path) => {
    expect((await fetch(`${url}${path}`)).status).toBe(404);
  },
);

test.each(['POST', 'PUT', 'DELETE'])('%s changes nothing', async (method) => {
  expect((await fetch(`${url}/readyz`, { method })).status).toBe(404);
});

test('a server that has stopped answers nobody, even where a connection was kept', async () => {
  await fetch(`${url}/healthz`);
  await server.stop();
  await expect(fetch(`${url}/healthz`)).rejects.toThrow();
});

test('four hundred who connect and say nothing keep kubelet not out, and give way', async () => {
  const { hostname, port } = new URL(url);
  let closed = 0;
  const sockets = Array.from({ length: 400 }, () =>
    createConnection(Number(port), hostname)
      .on('error', () => undefined)
      .on('close', () => (closed += 1))
      .resume(),
  );
  try {
    while (closed < 144) await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    // Kubelet’s own has taken the place of one more.
    while (closed < 145) await new Promise((resolve) => setTimeout(resolve, 5));
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});
