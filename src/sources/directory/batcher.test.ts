/** Gathering of file names into batches. */
import { expect, test } from '@jest/globals';
import type { Clock } from '../../lib/index.js';
import { createBatcher, type Batcher, type Work } from './batcher.js';

interface HeldClock extends Clock {
  pass(ms: number): void;
}

function createHeldClock(): HeldClock {
  let now = 0;
  const tasks = new Set<{ readonly at: number; readonly run: () => void }>();
  return {
    now: () => now,
    after: (delayMs, run) => {
      const task = { at: now + delayMs, run };
      tasks.add(task);
      return () => tasks.delete(task);
    },
    pass: (ms) => {
      now += ms;
      for (const task of [...tasks].filter(({ at }) => at <= now)) {
        tasks.delete(task);
        task.run();
      }
    },
  };
}

function create(run: (work: Work) => Promise<void>): {
  clock: HeldClock;
  batcher: Batcher;
  errors: unknown[];
} {
  const clock = createHeldClock();
  const errors: unknown[] = [];
  const onError = (error: unknown): void => {
    errors.push(error);
  };
  const batcher = createBatcher({ clock, quietMs: 4, longestWaitMs: 10, run, onError });
  return { clock, batcher, errors };
}

/** Lets everything that is settled go on. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a batch starts when it has been quiet for a while', () => {
  const works: Work[] = [];
  const { clock, batcher } = create((work) => Promise.resolve(void works.push(work)));
  batcher.add('a');
  clock.pass(3);
  batcher.add('b');
  clock.pass(3);
  expect(works).toEqual([]);
  clock.pass(1);
  expect(works).toEqual([{ files: new Set(['a', 'b']), isAll: false }]);
});

test('a batch starts at the latest some time after the first addition', () => {
  const works: Work[] = [];
  const { clock, batcher } = create((work) => Promise.resolve(void works.push(work)));
  for (let each = 0; each < 10; each += 1) {
    batcher.add('a');
    clock.pass(1);
  }
  expect(works).toHaveLength(1);
});

test('what is added while a batch is under way is in the next one', async () => {
  const works: Work[] = [];
  let finish = (): void => undefined;
  const { clock, batcher } = create((work) => {
    works.push(work);
    return new Promise((resolve) => {
      finish = resolve;
    });
  });
  batcher.add('a');
  clock.pass(4);
  batcher.addAll();
  clock.pass(100);
  expect(works).toHaveLength(1);
  finish();
  await settled();
  clock.pass(4);
  expect(works[1]).toEqual({ files: new Set(), isAll: true });
});

test('a batch that fails is told, and the next one runs', async () => {
  let runs = 0;
  const { clock, batcher, errors } = create(() => {
    runs += 1;
    return runs === 1 ? Promise.reject(new Error('first')) : Promise.resolve();
  });
  batcher.add('a');
  clock.pass(4);
  await settled();
  batcher.add('b');
  clock.pass(4);
  expect([errors, runs]).toEqual([[new Error('first')], 2]);
});

test('after stop nothing is taken any more', async () => {
  const works: Work[] = [];
  const { clock, batcher } = create((work) => Promise.resolve(void works.push(work)));
  batcher.add('a');
  await batcher.stop();
  batcher.add('b');
  clock.pass(100);
  expect(works).toEqual([]);
});
