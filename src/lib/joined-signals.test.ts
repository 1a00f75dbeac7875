/** Tests of one signal out of several. */
import { expect, test } from '@jest/globals';
import { withSignals } from './joined-signals.js';

/** Listeners and signals that depend on it, as far as Node tells. */
function heldBy(signal: AbortSignal): number {
  return Object.getOwnPropertySymbols(signal)
    .map((symbol) => (signal as unknown as Record<symbol, unknown>)[symbol])
    .filter((value) => value instanceof Set || value instanceof Map)
    .reduce((sum, { size }) => sum + size, 0);
}

test('aborts with the first source, for its reason', async () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const seen = withSignals([first.signal, second.signal], async (signal) => {
    expect(signal.aborted).toBe(false);
    const aborted = new Promise<unknown>((resolve) => {
      signal.addEventListener('abort', () => {
        resolve(signal.reason);
      });
    });
    second.abort(new Error('too late'));
    first.abort(new Error('later still'));
    return aborted;
  });
  expect(await seen).toEqual(new Error('too late'));
});

test('is aborted from the start where a source is', async () => {
  const reason = new Error('over');
  const seen = await withSignals(
    [new AbortController().signal, AbortSignal.abort(reason)],
    (signal) => Promise.resolve([signal.aborted, signal.reason]),
  );
  expect(seen).toEqual([true, reason]);
});

test('as many as there are at once', async () => {
  const warnings: Error[] = [];
  const listen = (warning: Error): void => void warnings.push(warning);
  process.on('warning', listen);
  const ending = new AbortController();
  const tasks = Array.from({ length: 30 }, () =>
    withSignals(
      [ending.signal],
      (signal) =>
        new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => {
            resolve();
          });
        }),
    ),
  );
  ending.abort();
  await Promise.all(tasks);
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', listen);
  expect(warnings).toEqual([]);
});

test('leaves nothing in a source that lives on, also after a failure', async () => {
  const source = new AbortController().signal;
  // It has what it needs for listeners from the first on.
  await withSignals([source], () => Promise.resolve());
  const before = heldBy(source);
  for (let index = 0; index < 100; index += 1) {
    await withSignals([source], () => Promise.resolve(index));
    await withSignals([source], () => Promise.reject(new Error('no'))).catch(() => undefined);
  }
  expect(heldBy(source)).toBe(before);
});
