/** How streams share the machine: slices, the gate of admission, and the flow to a slow client. */
import { describe, expect, test } from '@jest/globals';
import { createFlow } from './flow.js';
import { createGate } from './gate.js';
import { createOutflow } from './outflow.js';
import { createSlices } from './slices.js';
import { createTurnstile } from './turnstile.js';

describe('slices', () => {
  const rig = (msEach: number) => {
    const time = { now: 0 };
    const may = { run: true };
    const deferred: (() => void)[] = [];
    const ran: string[] = [];
    const slices = createSlices<string>({
      run: (item) => {
        ran.push(item);
        time.now += msEach;
      },
      defer: (task) => deferred.push(task),
      now: () => time.now,
      mayRun: () => may.run,
      sliceMs: 10,
    });
    const turn = (): number => {
      const before = ran.length;
      for (const task of deferred.splice(0)) task();
      return ran.length - before;
    };
    return { slices, ran, turn, may };
  };

  test('after ten milliseconds the event loop has its turn', () => {
    const { slices, turn } = rig(3);
    for (let at = 0; at < 10; at += 1) slices.add(String(at));
    expect([turn(), turn(), turn(), turn()]).toEqual([4, 4, 2, 0]);
  });

  test('what is added twice runs once, and what is taken out does not run', () => {
    const { slices, ran, turn } = rig(0);
    for (const item of ['a', 'b', 'a', 'c']) slices.add(item);
    slices.delete('b');
    turn();
    expect(ran).toEqual(['a', 'c']);
  });

  test('one that is added again goes behind the others', () => {
    const { slices, ran, turn } = rig(6);
    for (const item of ['a', 'b', 'c']) slices.add(item);
    turn();
    slices.add('a');
    while (turn() > 0);
    expect(ran).toEqual(['a', 'b', 'c', 'a']);
  });

  test('while it may not run nothing does, and then all in the order in which they came', () => {
    const { slices, ran, turn, may } = rig(0);
    slices.add('a');
    may.run = false;
    slices.add('b');
    turn();
    slices.add('c');
    turn();
    expect(ran).toEqual([]);
    may.run = true;
    slices.resume();
    turn();
    expect(ran).toEqual(['a', 'b', 'c']);
  });
});

describe('the outflow', () => {
  test('it is full at its bound, and tells when half of that has gone', () => {
    let told = 0;
    const outflow = createOutflow({ softBytes: 100, onRoom: () => (told += 1) });
    outflow.add(99);
    expect(outflow.hasRoom()).toBe(true);
    outflow.add(1);
    expect(outflow.hasRoom()).toBe(false);
    outflow.remove(49);
    expect([outflow.hasRoom(), told]).toEqual([false, 0]);
    outflow.remove(1);
    expect([outflow.hasRoom(), told]).toEqual([true, 1]);
    outflow.remove(50);
    expect(told).toBe(1);
  });
});

describe('the turnstile', () => {
  test('one passes in each turn of the loop, in order, also of those that come meanwhile', () => {
    const deferred: (() => void)[] = [];
    const turnstile = createTurnstile((task) => deferred.push(task));
    const passed: number[] = [];
    const add = (at: number): void => {
      turnstile.add(() => {
        passed.push(at);
        if (at === 2) add(3);
      });
    };
    for (const at of [0, 1, 2]) add(at);
    const perTurn: number[] = [];
    while (deferred.length > 0) {
      const before = passed.length;
      for (const task of deferred.splice(0)) task();
      perTurn.push(passed.length - before);
    }
    expect([perTurn, passed]).toEqual([
      [1, 1, 1, 1],
      [0, 1, 2, 3],
    ]);
  });

  test('one that throws does not hold up those behind it', () => {
    const deferred: (() => void)[] = [];
    const turnstile = createTurnstile((task) => deferred.push(task));
    const passed: string[] = [];
    turnstile.add(() => {
      throw new Error('broken');
    });
    turnstile.add(() => passed.push('behind'));
    expect(() => deferred.shift()?.()).toThrow('broken');
    deferred.shift()?.();
    expect(passed).toEqual(['behind']);
  });
});

describe('the gate', () => {
  test('no more than the limit run at once, in order, with a turn of the loop between', async () => {
    const deferred: (() => void)[] = [];
    const gate = createGate({ limit: 2, maxQueued: 10, defer: (task) => deferred.push(task) });
    const started: number[] = [];
    const finish: (() => void)[] = [];
    const all = [0, 1, 2, 3].map((at) =>
      gate.run(() => {
        started.push(at);
        return new Promise<number>((resolve) => {
          finish.push(() => {
            resolve(at);
          });
        });
      }),
    );
    const turn = async (): Promise<void> => {
      for (const task of deferred.splice(0)) task();
      await new Promise((resolve) => setImmediate(resolve));
    };
    expect([started, gate.queued()]).toEqual([[], 2]);
    await turn();
    expect(started).toEqual([0]);
    await turn();
    await turn();
    expect([started, gate.queued()]).toEqual([[0, 1], 2]);
    finish[0]?.();
    await all[0];
    expect(started).toEqual([0, 1]);
    await turn();
    expect(started).toEqual([0, 1, 2]);
    finish[1]?.();
    finish[2]?.();
    await Promise.all([all[1], all[2]]);
    await turn();
    finish[3]?.();
    expect(await Promise.all(all)).toEqual([0, 1, 2, 3]);
  });

  test('tasks that may begin at the same time begin in turns of the loop of their own', async () => {
    const deferred: (() => void)[] = [];
    const gate = createGate({ limit: 3, maxQueued: 10, defer: (task) => deferred.push(task) });
    const started: number[] = [];
    const all = [0, 1, 2, 3, 4, 5].map((at) =>
      gate.run(() => {
        started.push(at);
        return Promise.resolve();
      }),
    );
    const perTurn: number[] = [];
    while (deferred.length > 0) {
      const before = started.length;
      for (const task of deferred.splice(0)) task();
      await new Promise((resolve) => setImmediate(resolve));
      perTurn.push(started.length - before);
    }
    expect(perTurn).toEqual([1, 1, 1, 1, 1, 1]);
    await Promise.all(all);
  });

  test('beyond the bound nothing waits, and a task that fails frees its place', async () => {
    const gate = createGate({
      limit: 1,
      maxQueued: 1,
      defer: (task) => {
        task();
      },
    });
    const failing = gate.run(() => Promise.reject(new Error('no')));
    const waiting = gate.run(() => Promise.resolve('served'));
    expect(await gate.run(() => Promise.resolve('too many'))).toBeUndefined();
    await expect(failing).rejects.toThrow('no');
    expect(await waiting).toBe('served');
    expect(await gate.run(() => Promise.resolve('again'))).toBe('again');
  });
});

describe('the flow', () => {
  const rig = () => {
    const time = { now: 0 };
    const flushes: (() => void)[] = [];
    const drained: number[] = [];
    const unsent = { bytes: 0 };
    const flow = createFlow({
      write: (_bytes, flushed) => flushes.push(flushed),
      onDrained: () => drained.push(time.now),
      now: () => time.now,
      softBytes: 100,
      hardBytes: 1_000,
      slowMs: 20,
      stallMs: 60,
      outflow: {
        add: (bytes) => (unsent.bytes += bytes),
        remove: (bytes) => (unsent.bytes -= bytes),
      },
    });
    return { flow, flushes, drained, time, unsent };
  };

  test('it blocks at the soft bound and tells when half of it has gone', () => {
    const { flow, flushes, drained } = rig();
    flow.send(new Uint8Array(60));
    expect(flow.isBlocked()).toBe(false);
    flow.send(new Uint8Array(60));
    expect(flow.isBlocked()).toBe(true);
    flushes[0]?.();
    expect([flow.isBlocked(), drained.length]).toEqual([true, 0]);
    flushes[1]?.();
    expect([flow.isBlocked(), drained.length, flow.pendingBytes()]).toEqual([false, 1, 0]);
  });

  test('it is stuck when one write waits too long, however much follows', () => {
    const { flow, flushes, time } = rig();
    flow.send(new Uint8Array(1));
    time.now = 59;
    flow.send(new Uint8Array(1));
    expect(flow.isStuck()).toBe(false);
    time.now = 60;
    expect(flow.isStuck()).toBe(true);
    flushes[0]?.();
    expect(flow.isStuck()).toBe(false);
  });

  test('others wait for its bytes until it is slow, and again when it has taken them all', () => {
    const { flow, flushes, time, unsent } = rig();
    flow.send(new Uint8Array(10));
    flow.send(new Uint8Array(5));
    expect(unsent.bytes).toBe(15);
    time.now = 19;
    flow.tick();
    expect(unsent.bytes).toBe(15);
    time.now = 20;
    flow.tick();
    expect(unsent.bytes).toBe(0);
    flow.send(new Uint8Array(7));
    for (const flush of flushes.splice(0)) flush();
    expect([unsent.bytes, flow.pendingBytes()]).toEqual([0, 0]);
    flow.send(new Uint8Array(3));
    expect(unsent.bytes).toBe(3);
  });

  test('nobody waits for one that has ended, whatever its transport still reports', () => {
    const { flow, flushes, unsent } = rig();
    flow.send(new Uint8Array(10));
    flow.send(new Uint8Array(5));
    flow.end();
    expect(unsent.bytes).toBe(0);
    for (const flush of flushes) flush();
    expect([unsent.bytes, flow.pendingBytes()]).toEqual([0, 0]);
  });

  test('it is stuck when too much waits', () => {
    const { flow } = rig();
    flow.send(new Uint8Array(1_001));
    expect(flow.isStuck()).toBe(true);
  });
});
