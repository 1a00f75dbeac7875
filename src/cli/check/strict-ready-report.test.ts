/** What `skerry check --strict-ready` asks and prints. */
import { expect, test } from '@jest/globals';
import type { PlaintextView } from '../../admin/index.js';
import type { Replica } from '../cluster/replicas.js';
import { askStrictReady, spellStrictReport } from './strict-ready-report.js';

const nowMs = 10_000_000;
const view: PlaintextView = {
  ...{ sinceMs: 0, nowMs },
  workloads: ['cart', 'orders'].map((name) => ({
    ...{ pod: `shop/${name}-1`, isConnected: true },
    ports: [{ port: 8080, mtls: 'Permissive', services: [`shop/${name}`] }],
    calls:
      name === 'cart'
        ? []
        : [
            { port: 8080, address: '192.0.2.7', caller: 'old/batch', count: 112 },
            { port: 8080, address: '192.0.2.8', count: 1 },
          ].map((call) => ({ ...call, firstMs: nowMs - 65_000, lastMs: nowMs - 9000 })),
  })),
};

const replica = (answer: unknown): Replica => ({
  name: 'one',
  ask: (path) =>
    path === '/v1/plaintext' ? Promise.resolve(answer) : Promise.reject(new Error(path)),
  tell: () => Promise.reject(new Error('it reads')),
});

test('each Service has its line, and each caller below it with the first and the last time', async () => {
  const report = await askStrictReady([replica(view)], { windowSeconds: 3600 });
  expect(report).toMatchObject({ isReady: false, watchedSeconds: 10_000 });
  const lines = spellStrictReport(report).split('\n');
  expect(lines.map((line) => line.trim().replaceAll(/ {2,}/g, ' | '))).toEqual([
    'NAMESPACE | WHAT | STRICT | WHY',
    'shop | Service cart | ready | -',
    'shop | Service orders | not ready | somebody calls in plaintext',
    'old/batch (192.0.2.7) to shop/orders-1 port 8080: 112 seen, first 1m5s ago, last 9s ago',
    '192.0.2.8 to shop/orders-1 port 8080: 1 seen, first 1m5s ago, last 9s ago',
    '',
    'Strict may break calls of 1 of 2; looked back 1h0m, watched for 2h46m',
  ]);
});

test('without a call in plaintext Strict breaks nobody', async () => {
  const quiet = { ...view, workloads: view.workloads.slice(0, 1) };
  const report = await askStrictReady([replica(quiet)], { windowSeconds: 3600, namespace: 'shop' });
  expect(report.isReady).toBe(true);
  expect(spellStrictReport(report)).toContain('Strict breaks nobody');
});

test('a namespace without a Service of the mesh is a mistake, and a replica that is silent a problem', async () => {
  const ask = askStrictReady([replica(view)], { windowSeconds: 3600, namespace: 'shpo' });
  await expect(ask).rejects.toThrow('no Service of namespace shpo leads to a pod of the mesh');
  const silent = { ...replica(view), ask: () => Promise.reject(new Error('gone')) };
  await expect(askStrictReady([replica(view), silent], { windowSeconds: 60 })).rejects.toThrow(
    'gone',
  );
});
