/** Who is ready for Strict, from what replicas were told. */
import { describe, expect, test } from '@jest/globals';
import type { PlaintextView, PlaintextWorkload } from '../../admin/index.js';
import { judgeStrict, watchedMs } from './strict-ready.js';

const hourMs = 3_600_000;
const nowMs = 10 * hourMs;

function workload(change: Partial<PlaintextWorkload> = {}): PlaintextWorkload {
  return {
    ...{ pod: 'shop/cart-1', isConnected: true, calls: [] },
    ports: [
      { port: 8080, mtls: 'Permissive', services: ['shop/cart'] },
      { mtls: 'Permissive', services: [] },
    ],
    ...change,
  };
}

function call(agoMs: number, change: object = {}): PlaintextWorkload['calls'][number] {
  return {
    ...{ port: 8080, address: '192.0.2.7', caller: 'old/batch', count: 1 },
    ...{ firstMs: nowMs - agoMs, lastMs: nowMs - agoMs },
    ...change,
  };
}

const view = (...workloads: readonly PlaintextWorkload[]): PlaintextView => ({
  ...{ sinceMs: 0, nowMs, workloads },
});

const results = (...views: readonly PlaintextView[]): readonly string[] =>
  judgeStrict(views, hourMs).map(({ namespace, name, result }) => `${namespace} ${name} ${result}`);

describe('a Service', () => {
  test('is ready when nobody has called it in plaintext within the window', () => {
    expect(results(view(workload()))).toEqual(['shop Service cart ready']);
    expect(results(view(workload({ calls: [call(hourMs + 1)] })))).toEqual([
      'shop Service cart ready',
    ]);
  });

  test('is not when somebody has, who is named with the last time', () => {
    const [only] = judgeStrict([view(workload({ calls: [call(5000)] }))], hourMs);
    expect(only).toMatchObject({
      result: 'not ready',
      callers: [
        {
          caller: 'old/batch',
          address: '192.0.2.7',
          pod: 'shop/cart-1',
          port: 8080,
          lastAgoMs: 5000,
        },
      ],
    });
  });

  test('is Strict only where every port of every pod is', () => {
    const strict = [{ port: 8080, mtls: 'Strict', services: ['shop/cart'] }];
    const calls = [call(10)];
    expect(results(view(workload({ ports: strict, calls })))).toEqual(['shop Service cart Strict']);
    const other = workload({ pod: 'shop/cart-2' });
    expect(results(view(workload({ ports: strict }), other))).toEqual(['shop Service cart ready']);
    const disabled = [{ port: 8080, mtls: 'Disabled', services: ['shop/cart'] }];
    expect(results(view(workload({ ports: disabled })))).toEqual(['shop Service cart not ready']);
  });

  test('is not known where a sidecar is silent, or nobody has listened for long enough', () => {
    expect(results(view(workload({ isConnected: false })))).toEqual([
      'shop Service cart not known',
    ]);
    const late = { ...view(workload()), sinceMs: nowMs - 1000 };
    expect(results(late)).toEqual(['shop Service cart not known']);
    expect(results()).toEqual([]);
    // Who calls is known at once.
    expect(results({ ...late, workloads: [workload({ calls: [call(10)] })] })).toEqual([
      'shop Service cart not ready',
    ]);
  });
});

test('a port that no Service has is told where somebody calls it', () => {
  expect(results(view(workload({ calls: [call(10, { port: 9999 })] })))).toEqual([
    'shop Pod cart-1 not ready',
    'shop Service cart ready',
  ]);
});

test('what several replicas were told is added up', () => {
  const here = view(workload({ isConnected: false, calls: [call(9000, { count: 2 })] }));
  const there = { ...view(workload({ calls: [call(5000)] })), sinceMs: nowMs - 2 * hourMs };
  const [only] = judgeStrict([here, there], hourMs);
  expect(only?.callers).toEqual([
    expect.objectContaining({ count: 3, firstAgoMs: 9000, lastAgoMs: 5000 }),
  ]);
  expect(watchedMs([here, there])).toBe(2 * hourMs);
  expect(watchedMs([])).toBe(0);
});
